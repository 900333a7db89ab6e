/**
 * Owns a page that is no browser: a socket to /live that keeps every frame, and waits for those that a test is about.
 */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { type AckFrame, type Command, type LiveFrame, liveProtocol } from '../../src/inspector/frames.ts'

type Asked = Command extends infer One ? (One extends Command ? Omit<One, 'ref'> : never) : never
type FrameOf<Type extends LiveFrame['type']> = Extract<LiveFrame, { type: Type }>

export class PageClient {
  readonly socket: WebSocket
  readonly frames: LiveFrame[] = []
  readonly closed: Promise<number>
  readonly #waiting = new Set<() => void>()
  #lastRef = 0

  /** @param url of the page, with or without its token */
  constructor(url: string, headers: Record<string, string> = {}, protocol = liveProtocol) {
    const { host } = new URL(url)
    this.socket = new WebSocket(`ws://${host}/live`, protocol, { headers })
    this.socket.on('message', (data) => {
      this.frames.push(...(JSON.parse(String(data)) as LiveFrame[]))
      for (const look of this.#waiting) look()
    })
    this.closed = once(this.socket, 'close').then(([code]) => code as number)
  }

  async open(token: string | undefined): Promise<this> {
    await once(this.socket, 'open')
    if (token !== undefined) this.socket.send(JSON.stringify({ token }))
    return this
  }

  /** The first frame of that type that matches, of those that came and those that come. */
  async frame<Type extends LiveFrame['type']>(
    type: Type,
    matches: (frame: FrameOf<Type>) => boolean = () => true,
  ): Promise<FrameOf<Type>> {
    return await new Promise((resolve) => {
      const look = () => {
        const found = this.frames.find((frame) => frame.type === type && matches(frame as FrameOf<Type>))
        if (found === undefined) return
        this.#waiting.delete(look)
        resolve(found as FrameOf<Type>)
      }
      this.#waiting.add(look)
      look()
    })
  }

  async ask(command: Asked | { type: string }): Promise<AckFrame> {
    this.#lastRef += 1
    const ref = this.#lastRef
    this.socket.send(JSON.stringify({ ...command, ref }))
    return await this.frame('ack', (frame) => frame.ref === ref)
  }

  /** What the keyframe of the present has of a type. */
  async present<Type extends LiveFrame['type']>(type: Type): Promise<FrameOf<Type>[]> {
    const { frames } = await this.frame('keyframe')
    return frames.filter((frame) => frame.type === type) as FrameOf<Type>[]
  }
}

/** @param url with the token in its fragment */
export function openPage(url: string): Promise<PageClient> {
  const token = new URLSearchParams(new URL(url).hash.slice(1)).get('token') ?? undefined
  return new PageClient(url).open(token)
}
