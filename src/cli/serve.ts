/**
 * Owns `axon serve`: the system of a configuration behind a gateway, until a signal; SIGHUP makes it what its file says now. The
 * gateway itself is gateway/.
 */
import pino, { type Logger } from 'pino'
import { toAxonError } from '../errors.ts'
import { createGateway } from '../gateway/gateway.ts'
import { createLivePage } from '../inspector/live-page.ts'
import { type Axon, createAxon } from '../runtime/axon.ts'
import { readConfig } from '../runtime/config/load.ts'
import { createMetrics } from '../runtime/telemetry/prometheus.ts'
import { type ConfigEvent, ConfigReload } from './config-reload.ts'
import { exitCodes } from './exit-codes.ts'
import { onInterrupt } from './interrupt.ts'
import { LogDestination } from './log-destination.ts'
import { paint, printJson, printLine, report, say, status } from './terminal.ts'

export interface ServeFlags {
  port?: number
  host?: string
  allowHost?: string[]
  origin?: string[]
  auth: boolean
  page: boolean
  graceMs?: number
  json?: boolean
}

/** What a person at the terminal sees of it; elsewhere there is a log. */
function tell(axon: Axon): void {
  axon.on('environment.progress', ({ progress: { message } }) => status(message))
  axon.on('process.output', ({ line }) => say(paint('dim', `│ ${line}`, process.stderr)))
  axon.on('agent.crashed', ({ agent, crash }) => say(`Agent ${agent} crashed: ${crash.error.message}`))
  axon.on('agent.failed', ({ agent, error }) => say(`Agent ${agent} has failed: ${error.message}`))
}

function tellConfig({ type, path, ...event }: ConfigEvent, logger: Logger | undefined): void {
  if ('error' in event) {
    if (logger) logger.error({ path, error: toAxonError(event.error) }, type)
    else report(event.error)
    return
  }
  const { unapplied } = event
  if (logger) return logger.info({ path, unapplied }, type)
  say(`${path} is applied.`)
  if (unapplied.length > 0) say(`${unapplied.join(', ')}: read at the start alone.`)
}

/** Serves until it is asked to end, and resolves with the exit code. */
export async function serve(file: string | undefined, flags: ServeFlags): Promise<number> {
  const { port, host, allowHost: hosts, origin: origins, auth, graceMs, page, json } = flags
  const config = await readConfig({ file })
  const { options, logLevel } = config
  const isWatched = process.stderr.isTTY
  const log = new LogDestination()
  const logger = isWatched ? undefined : pino({ level: logLevel, base: null }, log)
  const axon = createAxon({ operator: true, logger, ...options })
  if (isWatched) tell(axon)
  const metrics = createMetrics(axon)
  const livePage = page ? createLivePage(axon) : undefined
  const asked = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  let isStarted = false
  const reloading = new ConfigReload(config, {
    apply: ({ agents }) => axon.apply({ agents }),
    onEvent: (event) => tellConfig(event, logger),
  })
  const interrupt = onInterrupt(
    () => {
      asked.resolve()
      if (!isStarted) void axon.destroy()
    },
    () => void started.promise.then(() => reloading.reload()),
  )
  try {
    await axon.start()
    isStarted = true
    started.resolve()
    const gateway = await createGateway(axon, {
      auth,
      metrics,
      ...(livePage && { page: livePage }),
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
    if (livePage && !json) say(`Live page: ${gateway.url}/`)
    const ended = new Promise<void>((resolve) => axon.actor.subscribe({ complete: resolve, error: () => resolve() }))
    await Promise.race([asked.promise, ended])
    await gateway.close()
    // Being asked to end is what a server is for; a system that ended by itself is not.
    return interrupt.code === undefined ? exitCodes.start : exitCodes.done
  } catch (error) {
    return interrupt.code ?? report(error, { json })
  } finally {
    await axon.close()
    livePage?.close()
    metrics.close()
    interrupt.off()
    log.end()
  }
}
