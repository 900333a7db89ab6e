/**
 * Owns where histories are between the runs of a conversation: the shape of a store, and the one in memory.
 */

/** Keeps histories. May be shared by systems that do not use one conversation at the same time. */
export interface ConversationStore {
  /** The messages of a conversation as they were saved; undefined or `[]` where there are none. `id` is `agent/id`. */
  load(id: string): readonly unknown[] | undefined | Promise<readonly unknown[] | undefined>
  /** Called after each run that succeeded, with the whole history. */
  save(id: string, messages: readonly unknown[]): void | Promise<void>
}

/** In memory: where there are more than `maxConversations`, the one that was not used for longest is forgotten. */
export class MemoryStore implements ConversationStore {
  readonly #maxConversations: number
  /** The one that was used last is last. */
  readonly #histories = new Map<string, readonly unknown[]>()

  constructor(maxConversations: number) {
    this.#maxConversations = maxConversations
  }

  load(id: string): readonly unknown[] | undefined {
    const messages = this.#histories.get(id)
    if (messages !== undefined) this.save(id, messages)
    return messages
  }

  save(id: string, messages: readonly unknown[]): void {
    this.#histories.delete(id)
    if (messages.length > 0) this.#histories.set(id, messages)
    if (this.#histories.size <= this.#maxConversations) return
    const [oldest] = this.#histories.keys()
    if (oldest !== undefined) this.#histories.delete(oldest)
  }
}
