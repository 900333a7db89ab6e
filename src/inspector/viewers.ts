/**
 * Owns those who look at a system: what each watches, and that all get one serialisation of what is told to everybody.
 */

/** What one viewer watches, by session id of the actor, and by id of the run. */
export interface Watches {
  readonly actors: ReadonlySet<string>
  readonly logs: ReadonlySet<string>
  readonly runs: ReadonlySet<string>
}

export interface Viewer {
  readonly watches: Watches
  /** @param batch a JSON array of frames, the same text for everybody who gets the same */
  receive(batch: string): void
}
