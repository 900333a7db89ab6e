import { createAxon, loadConfig } from 'axon-runtime'

const axon = await createAxon(await loadConfig()).start()
try {
  const { result } = await axon.agent('support').run({ prompt: 'What is the weather in Rome?' })
  process.stdout.write(`${result}\n`)
} finally {
  await axon.close()
}
