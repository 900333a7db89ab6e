import { expect, test } from 'vitest'
import { invalidClause, parseVersion, satisfies } from '../../../src/runtime/environment/requires-python.ts'

const cases: [version: string, specifiers: string, expected: boolean][] = [
  ['3.12.1', '>=3.10', true],
  ['3.9.18', '>=3.10', false],
  ['3.10.0', '>=3.10,<3.13', true],
  ['3.13.0', '>=3.10,<3.13', false],
  ['3.12.1', '==3.12.*', true],
  ['3.11.1', '==3.12.*', false],
  ['3.12.1', '!=3.12.1', false],
  ['3.12.1', '!=3.12.*', false],
  ['3.13.2', '~=3.11', true],
  ['3.12.2', '~=3.11.1', false],
  ['3.11.7', '~=3.11.1', true],
  ['3.10.0', '>3.10', false],
  ['3.10.1', '<=3.10', false],
  ['3.12.0', '==3.12', true],
  ['3.12.0', '', true],
]

for (const [version, specifiers, expected] of cases) {
  test(`Python ${version} ${expected ? 'satisfies' : 'does not satisfy'} "${specifiers}"`, () => {
    const parsed = parseVersion(version)
    expect(parsed !== undefined && satisfies(parsed, specifiers)).toBe(expected)
  })
}

test('a clause that is no version specifier is named', () => {
  expect(invalidClause('>=3.10, => 3.9')).toBe('=> 3.9')
  expect(invalidClause('>=3.10,<4.0a0')).toBeUndefined()
})
