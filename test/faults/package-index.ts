/** Owns an index of Python packages on loopback that serves one package, well or in one of the ways in which indexes fail. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { pureWheel } from '../runtime/environment/fixtures.ts'

/** `swapped`: another file than the one that was there when its hash was taken. */
export type IndexFault = 'corrupt' | 'truncated' | 'cut' | 'swapped' | 'failing' | 'down'

export const packageName = 'gift'
const versions = ['1', '2']
const fileName = (version: string) => `${packageName}-${version}-py3-none-any.whl`

export class PackageIndex {
  readonly #server = createServer(({ url = '' }, response) => this.#answer(url, response))
  #fault: IndexFault | undefined

  static async listen(): Promise<PackageIndex> {
    const index = new PackageIndex()
    await once(index.#server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => index.#close())
    return index
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/simple/`
  }

  /** Of the file that is served when all is well. */
  hashOf(version: string): string {
    return createHash('sha256').update(wheelOf(version)).digest('hex')
  }

  async fail(fault: IndexFault): Promise<void> {
    this.#fault = fault
    if (fault === 'down') await this.#close()
  }

  #answer(url: string, response: ServerResponse): void {
    const [, version] = /-(\d+)-py3-none-any\.whl$/.exec(url) ?? []
    if (this.#fault === 'failing') response.writeHead(503).end()
    else if (version !== undefined) this.#send(wheelOf(version), response)
    else if (url === `/simple/${packageName}/`) response.setHeader('content-type', 'text/html').end(this.#page())
    else response.writeHead(404).end()
  }

  #page(): string {
    const link = (version: string) => `<a href="${fileName(version)}">${fileName(version)}</a>`
    return `<!DOCTYPE html><html><body>${versions.map(link).join('')}</body></html>`
  }

  #send(wheel: Buffer, response: ServerResponse): void {
    const half = wheel.subarray(0, wheel.length / 2)
    if (this.#fault === 'corrupt') wheel.fill(0x55, 40, 60)
    if (this.#fault === 'swapped') response.end(wheelOf('2', 'another'))
    else if (this.#fault === 'truncated') response.end(half)
    else if (this.#fault === 'cut') {
      response.writeHead(200, { 'content-length': wheel.length }).write(half, () => response.destroy())
    } else response.end(wheel)
  }

  async #close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function wheelOf(version: string, answer = '42'): Buffer {
  return pureWheel(packageName, version, { answer })
}
