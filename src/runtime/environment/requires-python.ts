/**
 * Owns Python versions: parsing, order, and whether one satisfies a `requires-python` (PEP 440 version specifiers).
 * Only releases of the interpreter itself are compared, so epochs, local versions and post-releases are not needed.
 */

/** Major, minor, micro. */
export type Version = readonly [number, number, number]

const clausePattern = /^(===|~=|==|!=|<=|>=|<|>)\s*v?(\d+(?:\.\d+)*)((?:\.\*)?)(?:(?:a|b|rc|\.?dev)\d*)?$/

export function parseVersion(text: string): Version | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
}

export function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The first clause that is no version specifier, or undefined where all are. */
export function invalidClause(specifiers: string): string | undefined {
  return clauses(specifiers).find((clause) => !clausePattern.test(clause))
}

/** True where `version` satisfies every clause. Clauses that are none never match. */
export function satisfies(version: Version, specifiers: string): boolean {
  return clauses(specifiers).every((clause) => satisfiesClause(version, clause))
}

function clauses(specifiers: string): string[] {
  return specifiers
    .split(',')
    .map((clause) => clause.trim())
    .filter((clause) => clause !== '')
}

function satisfiesClause(version: Version, clause: string): boolean {
  const match = clausePattern.exec(clause)
  if (match === null) return false
  const release = (match[2] ?? '').split('.').map(Number)
  const hasPrefix = version.slice(0, release.length).every((part, i) => part === release[i])
  const order = compareVersions(version, release)
  switch (match[1]) {
    case '==':
      return match[3] === '' ? order === 0 : hasPrefix
    case '!=':
      return match[3] === '' ? order !== 0 : !hasPrefix
    case '>=':
      return order >= 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '<':
      return order < 0
    case '~=':
      return order >= 0 && version.slice(0, release.length - 1).every((part, i) => part === release[i])
    default:
      return order === 0
  }
}
