import { defineConfig } from 'axon-runtime'

export default defineConfig({
  agents: {
    support: {
      module: 'agents/support.py',
      dependencies: [],
    },
  },
})
