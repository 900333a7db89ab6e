/**
 * Owns `axon serve`: the system of a configuration behind a gateway, until a signal. The gateway itself is gateway/.
 */
import { createGateway } from '../gateway/gateway.ts'
import { createAxon } from '../runtime/axon.ts'
import { readConfig } from '../runtime/config/load.ts'
import { exitCodes } from './exit-codes.ts'
import { onInterrupt } from './interrupt.ts'
import { paint, printJson, printLine, report, say, status } from './terminal.ts'

export interface ServeFlags {
  port?: number
  host?: string
  allowHost?: string[]
  origin?: string[]
  auth: boolean
  graceMs?: number
  json?: boolean
}

/** Serves until it is asked to end, and resolves with the exit code. */
export async function serve(file: string | undefined, flags: ServeFlags): Promise<number> {
  const { port, host, allowHost: hosts, origin: origins, auth, graceMs, json } = flags
  const { options } = await readConfig({ file })
  const axon = createAxon({ operator: true, ...options })
  axon.on('environment.progress', ({ progress: { message } }) => status(message))
  axon.on('process.output', ({ line }) => say(paint('dim', `│ ${line}`, process.stderr)))
  axon.on('agent.crashed', ({ agent, crash }) => say(`Agent ${agent} crashed: ${crash.error.message}`))
  axon.on('agent.failed', ({ agent, error }) => say(`Agent ${agent} has failed: ${error.message}`))
  const asked = Promise.withResolvers<void>()
  let isStarted = false
  const interrupt = onInterrupt(() => {
    asked.resolve()
    if (!isStarted) void axon.destroy()
  })
  try {
    await axon.start()
    isStarted = true
    const gateway = await createGateway(axon, {
      auth,
      ...(port !== undefined && { port }),
      ...(host !== undefined && { host }),
      ...(hosts !== undefined && { hosts }),
      ...(origins !== undefined && { origins }),
      ...(graceMs !== undefined && { graceMs }),
    })
    if (json) printJson({ url: gateway.url, pid: process.pid })
    else printLine(gateway.url)
    if (gateway.token !== undefined)
      say(`Token, until this ends: ${gateway.token} (set AXON_GATEWAY_TOKENS to give your own)`)
    const ended = new Promise<void>((resolve) => axon.actor.subscribe({ complete: resolve, error: () => resolve() }))
    await Promise.race([asked.promise, ended])
    await gateway.close()
    // Being asked to end is what a server is for; a system that ended by itself is not.
    return interrupt.code === undefined ? exitCodes.start : exitCodes.done
  } catch (error) {
    return interrupt.code ?? report(error, { json })
  } finally {
    await axon.close()
    interrupt.off()
  }
}
