/**
 * Owns the live page's own server: a loopback address, one token, the files of the page, and the sockets. What is shown is
 * live-page.ts's.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Axon } from '../runtime/axon.ts'
import { allowedHosts, demandHost, securityHeaders } from '../runtime/serving/hosts.ts'
import { authorityOf, unlistening } from '../runtime/serving/listening.ts'
import type { PageCaller, PageEntrance } from '../runtime/serving/page.ts'
import { digestOf, isTokenOf, makeToken, tagOf } from '../runtime/serving/token.ts'
import { createLivePage } from './live-page.ts'
import { type InspectorOptions, parseInspector } from './page-options.ts'

export interface Inspector extends AsyncDisposable {
  /** The page, with its token in the fragment, which no server is told: `http://127.0.0.1:4840/#token=…`. */
  readonly url: string
  /** For the receivers of XState's inspectors; its token only reads: `ws://127.0.0.1:4840/inspect?token=…`. */
  readonly inspectUrl: string
  /** Who has it sees everything, sends events and starts runs. */
  readonly token: string
  /** Closes the server and every page. Idempotent; `axon` is left as it is. */
  close(): Promise<void>
}

const owner: PageCaller = {
  tag: tagOf('inspector'),
  roles: new Set(['read', 'operate', 'run']),
  agents: undefined,
}

/**
 * Serves the live page of a system that was started, on a loopback address.
 * @throws AxonError CONFIG_INVALID, PORT_IN_USE
 */
export async function createInspector(axon: Axon, options: InspectorOptions = {}): Promise<Inspector> {
  const { host, port, token = makeToken(), ...rest } = parseInspector(options)
  const digest = digestOf(token)
  const page = createLivePage(axon, rest)
  let hosts: ReadonlySet<string> = new Set()
  const entrance = page.enter({
    callerOf: (presented) => (isTokenOf(digest, presented) ? owner : undefined),
    demandHost: (request) => demandHost(request, hosts),
  })
  const server = createServer({ maxHeaderSize: 16 * 1_024, requestTimeout: 10_000 }, (request, response) => {
    answer(request, response, entrance, hosts)
  })
  server.on('upgrade', (request, socket, head) => entrance.upgrade(request, socket, head))
  server.maxConnections = 256
  try {
    await listen(server, host, port)
  } catch (error) {
    page.close()
    throw error
  }
  const address = server.address() as AddressInfo
  hosts = allowedHosts(host, [], address.port)
  const at = authorityOf(host, address)
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= end(server, () => page.close())
    return closing
  }
  return {
    url: `http://${at}/#token=${encodeURIComponent(token)}`,
    inspectUrl: `ws://${at}/inspect?token=${page.inspectToken}`,
    token,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  entrance: PageEntrance,
  hosts: ReadonlySet<string>,
): void {
  const refuse = (status: number, headers = {}) => response.writeHead(status, { ...securityHeaders, ...headers }).end()
  try {
    demandHost(request, hosts)
  } catch {
    return void refuse(403)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return void refuse(405, { allow: 'GET, HEAD' })
  const [path = '/'] = (request.url ?? '/').split('?')
  const file = entrance.file(path)
  if (file === undefined) return void refuse(404)
  response.writeHead(file.status, { ...file.headers, 'content-length': file.body.length })
  response.end(request.method === 'HEAD' ? undefined : file.body)
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => resolve())
    })
  } catch (cause) {
    throw unlistening('The inspector', { host, port }, cause)
  }
}

async function end(server: Server, closePage: () => void): Promise<void> {
  closePage()
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
