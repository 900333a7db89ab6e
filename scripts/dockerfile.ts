/**
 * Owns the reading of a Dockerfile, as far as the deployment example needs it.
 */
export interface Instruction {
  name: string
  value: string
}

/** The instructions in their order: comments are left out, continued lines are joined. */
export function instructionsOf(dockerfile: string): Instruction[] {
  const lines = dockerfile.split('\n').filter((line) => !/^\s*(#|$)/.test(line))
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => {
      const [, name = '', value = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? []
      return { name: name.toUpperCase(), value }
    })
}

/** The variables of all `ENV`. */
export function variablesOf(instructions: readonly Instruction[]): Record<string, string> {
  const pairs = instructions.filter(({ name }) => name === 'ENV').flatMap(({ value }) => value.split(/\s+/))
  return Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/, 2)))
}

/** The words of the last `name` that has the exec form, such as `CMD ["serve"]`. */
export function wordsOf(instructions: readonly Instruction[], name: string): string[] {
  const last = instructions.findLast((instruction) => instruction.name === name)
  const json = last && /\[.*\]$/.exec(last.value)?.[0]
  if (json === undefined) throw new Error(`The Dockerfile has no ${name} in exec form.`)
  return JSON.parse(json)
}
