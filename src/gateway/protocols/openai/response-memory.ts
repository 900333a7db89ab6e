/**
 * Owns the memory of responses where no other store is given: so many bytes, of which the response that was not used for longest
 * goes first. They are not among the application's conversations, so that no client can crowd those out.
 */
import type { ConversationStore } from '../../../runtime/conversations/store.ts'

export class ResponseMemory implements ConversationStore {
  readonly #maxBytes: number
  /** As JSON, whose size is known. The one that was used last is last. */
  readonly #kept = new Map<string, Buffer>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  load(id: string): readonly unknown[] | undefined {
    const kept = this.#kept.get(id)
    if (kept === undefined) return undefined
    this.#kept.delete(id)
    this.#kept.set(id, kept)
    return JSON.parse(kept.toString())
  }

  save(id: string, messages: readonly unknown[]): void {
    const kept = Buffer.from(JSON.stringify(messages))
    this.#forget(id)
    this.#kept.set(id, kept)
    this.#bytes += kept.length
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      this.#forget(oldest)
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#kept.get(id)?.length ?? 0
    this.#kept.delete(id)
  }
}
