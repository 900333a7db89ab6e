import { defineConfig } from 'axon-runtime'

const dependencies = ['pydantic-ai-slim']

export default defineConfig({
  agents: {
    optimist: { module: 'agents.reviewer:optimist', dependencies },
    sceptic: { module: 'agents.reviewer:sceptic', dependencies },
    judge: { module: 'agents.judge', dependencies },
  },
})
