/**
 * Owns `axon dev` as a person sees it: a line for each change, the agents' own output, and the keys. What is replaced when is
 * dev-system.ts's.
 */
import { basename, dirname, relative } from 'node:path'
import { toAxonError } from '../errors.ts'
import { createInspector, type Inspector } from '../inspector/inspector.ts'
import { isBeat } from '../machines/facts.ts'
import type { Axon } from '../runtime/axon.ts'
import type { AxonEvent } from '../runtime/telemetry/catalogue.ts'
import { openBrowser } from './browser.ts'
import { type DevEvent, type DevSystem, startDev } from './dev-system.ts'
import { exitCodes } from './exit-codes.ts'
import { onInterrupt } from './interrupt.ts'
import { type Keys, listenToKeys } from './keys.ts'
import { indent, paint, print, printJson, printLine, report, say, status, tracebackOf } from './terminal.ts'

export interface DevFlags {
  json?: boolean
  page: boolean
  pagePort?: number
  open?: boolean
}

/** Runs until it is interrupted, or `q` is typed; resolves with the exit code. */
export async function dev(file: string | undefined, { json, page, pagePort, open }: DevFlags): Promise<number> {
  const ended = Promise.withResolvers<void>()
  const interrupt = onInterrupt(ended.resolve)
  const view = new View(json === true)
  let system: DevSystem | undefined
  let keys: Keys | undefined
  let inspector: Inspector | undefined
  const closeBrowsers: (() => void)[] = []
  try {
    system = await startDev({ file, onEvent: (event) => view.own(event), onSystem: (axon) => view.follow(axon) })
    const { axon } = system
    void axon.actor.subscribe({ complete: ended.resolve, error: () => ended.resolve() })
    if (page) {
      const name = basename(dirname(system.path)).slice(0, 100) || 'axon'
      inspector = await createInspector(axon, { name, ...(pagePort !== undefined && { port: pagePort }) })
      view.page(inspector)
    }
    const show = () => {
      if (inspector) closeBrowsers.push(openBrowser(inspector.url, () => say('No browser could be opened.')))
    }
    if (open) show()
    if (!json) keys = obeyKeys(system, ended.resolve, inspector && show)
    await ended.promise
  } finally {
    keys?.close()
    for (const close of closeBrowsers) close()
    await inspector?.close()
    await system?.close()
    interrupt.off()
  }
  return interrupt.code ?? exitCodes.done
}

function obeyKeys(system: DevSystem, quit: () => void, show: (() => void) | undefined): Keys | undefined {
  const help = `r restart all · p prompt an agent · ${show ? 'o open the live page · ' : ''}q quit`
  const keys = listenToKeys({
    ...(show && { o: show }),
    r: () => system.restartAll(),
    q: quit,
    p: async (signal) => prompt(system.axon, await chosen(system.axon), signal),
  })
  if (keys) say(paint('dim', help, process.stderr))
  return keys

  async function chosen(axon: Axon): Promise<string | undefined> {
    const { agents } = axon
    return agents.length === 1 ? agents[0] : await keys?.ask(`Which agent (${agents.join(', ')})? `)
  }

  async function prompt(axon: Axon, agent: string | undefined, signal: AbortSignal): Promise<void> {
    const text = agent && (await keys?.ask(`${agent} ← `))
    if (!agent || !text) return
    let isText = false
    try {
      for await (const { event, data } of axon.agent(agent).stream({ prompt: text }, { signal })) {
        if (event === 'text.delta') print(data.text)
        if (event === 'run.result') printLine(`${isText ? '\n' : ''}${agent} → ${JSON.stringify(data.result)}`)
        isText ||= event === 'text.delta'
      }
    } catch (error) {
      if (!signal.aborted) report(error)
    }
  }
}

/** Tells events as lines; with `--json` as they are. */
class View {
  #isJson: boolean
  /** When the files were saved that an agent is being replaced for, as `performance.now()`. */
  #saved = new Map<string, number>()
  /** Agents whose new process has crashed, and that have been told. */
  #told = new Map<string, string>()

  constructor(isJson: boolean) {
    this.#isJson = isJson
  }

  follow(axon: Axon): void {
    axon.on('*', (event) => {
      if (!this.#isJson) this.#tell(event)
      else if (!isBeat(event.type)) printJson(event)
    })
  }

  /** Where the page is. Its address has a token, and so has that for the receivers of XState's inspectors. */
  page({ url, inspectUrl }: Inspector): void {
    if (this.#isJson) return printJson({ type: 'page.served', url, inspectUrl })
    say(`Live page: ${paint('bold', url, process.stderr)}`)
    say(paint('dim', `XState inspectors: ${inspectUrl}`, process.stderr))
  }

  own(event: DevEvent): void {
    if (event.type === 'files.changed') {
      for (const agent of event.agents) {
        this.#saved.set(agent, event.at)
        this.#told.delete(agent)
      }
    }
    if (this.#isJson) return printJson(asData(event))
    if (event.type === 'files.changed') this.#line('saved', event.paths.map(shown).join(', '), 'cyan')
    if (event.type === 'config.applied') {
      this.#line('config', `${shown(event.path)} is applied`, 'cyan')
      const { unapplied } = event
      if (unapplied.length > 0) say(`${unapplied.join(', ')}: read at the start alone. Start axon dev again.`)
    }
    if (event.type === 'config.refused') report(event.error)
    if (event.type === 'watch.failed')
      say(`Not every directory is watched: ${event.error.message}. Raise fs.inotify.max_user_watches, or use r.`)
  }

  #tell(event: AxonEvent): void {
    switch (event.type) {
      case 'environment.progress':
        return status(`${event.agent}: ${event.progress.message}`)
      case 'process.output':
        return printLine(`${paint('dim', `${event.agent} │`)} ${event.line}`)
      case 'agent.ready':
        return this.#line(
          event.agent,
          `ready, ${event.pid === undefined ? 'on Ray' : `process ${event.pid}`}${this.#since(event.agent)}`,
          'green',
        )
      case 'agent.crashed': {
        // The same error at each try is told once.
        const { agent, crash, wasReady } = event
        if (!wasReady && this.#told.get(agent) === crash.error.message) return
        this.#told.set(agent, crash.error.message)
        this.#line(agent, `${crash.error.code} ${crash.error.message}`, 'red')
        const traceback = tracebackOf(crash.error)
        if (traceback !== undefined) printLine(paint('dim', indent(traceback)))
        return
      }
      case 'agent.failed':
        return this.#line(event.agent, 'failed: it is started again when its files are saved', 'red')
      case 'rollout.failed':
        return this.#line(event.agent, 'the old process goes on', 'yellow')
      case 'agent.retired':
        return this.#line(event.agent, 'retired', 'dim')
      case 'host.lost':
      case 'host.warned':
        return this.#line('host', event.type === 'host.lost' ? event.how : event.message, 'yellow')
    }
  }

  #since(agent: string): string {
    const at = this.#saved.get(agent)
    this.#saved.delete(agent)
    return at === undefined ? '' : `, ${Math.round(performance.now() - at)} ms after the save`
  }

  #line(subject: string, text: string, style: Parameters<typeof paint>[0]): void {
    printLine(`${paint('dim', new Date().toTimeString().slice(0, 8))} ${paint('bold', subject)} ${paint(style, text)}`)
  }
}

/** Without the time of this process's own clock, and with errors that are no AxonError as their message. */
function asData(event: DevEvent): object {
  if (event.type === 'files.changed') return { type: event.type, paths: event.paths, agents: event.agents }
  return 'error' in event ? { ...event, error: toAxonError(event.error) } : event
}

function shown(path: string): string {
  return relative(process.cwd(), path)
}
