/**
 * Owns that a supervisor does one thing at a time, as an OTP process does: messages wait in order while an operation waits.
 * An operation is a generator that yields what it waits for. Knows nothing of children.
 */

/** Asked after every event: whether what an operation waits for has come. */
type Wait = () => boolean
export type Operation<Result = void> = Generator<Wait, Result, void>

/** So many steps are taken in one turn: XState takes the actions of a turn off a list whose every removal costs its length. */
const stepsPerTurn = 500

export class Turns<Message> {
  readonly #serve: (message: Message) => Operation
  /** Asks for another turn. */
  readonly #goOnLater: () => void
  #inbox: Message[] = []
  /** Where the inbox begins in `#inbox`; what lies before was served. */
  #first = 0
  #operation: Operation | undefined
  #hasCome: Wait | undefined
  #turn = 0
  #steps = 0

  constructor(serve: (message: Message) => Operation, goOnLater: () => void) {
    this.#serve = serve
    this.#goOnLater = goOnLater
  }

  post(message: Message): void {
    this.#inbox.push(message)
  }

  /** Before all that waits. */
  postFirst(message: Message): void {
    this.#inbox = [message, ...this.drain()]
  }

  /** Takes out all that waits to be served. */
  drain(): Message[] {
    const rest = this.#inbox.slice(this.#first)
    this.#inbox = []
    this.#first = 0
    return rest
  }

  /** Goes on as far as it can. */
  run(): void {
    this.#turn += 1
    this.#steps = 0
    for (;;) {
      if (this.#operation === undefined) {
        if (this.#first === this.#inbox.length) return
        if (this.#isTired()) return this.#goOnLater()
        this.#operation = this.#serve(this.#take())
      } else if (this.#hasCome?.() === false) return
      const { done, value } = this.#operation.next()
      this.#operation = done ? undefined : this.#operation
      this.#hasCome = done ? undefined : (value as Wait)
    }
  }

  /** To be called at each step of an operation that may be long. */
  *breathe(): Operation {
    if (this.#isTired()) yield* this.pause()
  }

  /** Goes on in another turn, after what was told in this one has been heard. */
  *pause(): Operation {
    const turn = this.#turn
    this.#goOnLater()
    yield () => this.#turn !== turn
  }

  #isTired(): boolean {
    this.#steps += 1
    return this.#steps > stepsPerTurn
  }

  #take(): Message {
    const message = this.#inbox[this.#first] as Message
    this.#first += 1
    if (this.#first === this.#inbox.length) this.drain()
    else if (this.#first > 1000 && this.#first * 2 > this.#inbox.length) this.#inbox = this.drain()
    return message
  }
}
