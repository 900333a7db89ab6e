import { defineConfig } from 'axon-runtime'

export default defineConfig({
  agents: {
    support: {
      module: 'agents/support.py',
      dependencies: ['openai-agents'],
      model: 'test', // answers without a key
      // model: 'openai:gpt-5', env: { OPENAI_API_KEY: process.env.OPENAI_API_KEY ?? '' },
    },
  },
})
