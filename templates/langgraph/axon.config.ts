import { defineConfig } from 'axon-runtime'

export default defineConfig({
  agents: {
    support: {
      module: 'agents/support.py',
      dependencies: ['langgraph', 'langchain-openai'],
      // env: { OPENAI_API_KEY: process.env.OPENAI_API_KEY ?? '' },
    },
  },
})
