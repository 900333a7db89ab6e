import { describe, expect, it } from 'vitest'
import { countsOf, type Report, rowsOf, withTables } from '../../scripts/conformance.ts'
import type { ConformanceCase, ConformanceRun } from './cases.ts'
import { notApplicable } from './not-applicable.ts'

const suite = 'supervisor_SUITE'
const same: ConformanceCase = { suite, name: 'tree', holds: 'it holds', verdict: 'same' }
const adapted: ConformanceCase = {
  suite,
  name: 'sup_flags',
  holds: 'it holds',
  verdict: 'adapted',
  reason: 'Other words',
}
const again: ConformanceRun = { suite, name: 'tree', holds: 'it holds', on: 'processes' }

/** What vitest would report of one file with these tests. */
function reportOf(...tests: [conformance: ConformanceCase | ConformanceRun | undefined, status: string][]): Report {
  const assertionResults = tests.map(([conformance, status]) => ({
    title: '',
    status,
    failureMessages: [],
    meta: conformance === undefined ? {} : { conformance },
  }))
  return { testResults: [{ name: 'a.test.ts', status: 'passed', message: '', assertionResults }] }
}

describe('the report of conformance', () => {
  it('counts each case once, by its verdict, with those that are not applicable', () => {
    const rows = rowsOf(reportOf([same, 'passed'], [adapted, 'failed'], [undefined, 'passed']))
    expect(countsOf(rows)).toEqual({
      total: 2 + notApplicable.length,
      same: 1,
      adapted: 1,
      notApplicable: notApplicable.length,
      failing: 1,
    })
    expect(rows[1]).toEqual({
      suite,
      name: 'sup_flags',
      holds: 'it holds',
      verdict: 'adapted',
      reason: 'Other words',
      status: 'failed',
    })
  })

  it('lets a case fail where it fails on another kind of child, in whatever order they ran', () => {
    for (const tests of [
      [[again, 'failed'] as const, [same, 'passed'] as const],
      [[same, 'passed'] as const, [again, 'failed'] as const, [again, 'passed'] as const],
    ]) {
      const [row] = rowsOf(reportOf(...tests.map(([info, status]): [typeof info, string] => [info, status])))
      expect(row).toMatchObject({ name: 'tree', verdict: 'same', status: 'failed' })
    }
  })

  it('refuses a case that is there twice, one that is never run on its own, and one that is both run and set aside', () => {
    expect(() => rowsOf(reportOf([same, 'passed'], [same, 'passed']))).toThrow('twice')
    expect(() => rowsOf(reportOf([again, 'passed']))).toThrow('only')
    const [setAside] = notApplicable
    const info: ConformanceCase = { ...same, name: setAside?.name ?? '' }
    expect(() => rowsOf(reportOf([info, 'passed']))).toThrow('both')
  })

  it('writes between the markers of the page and nowhere else', () => {
    const rows = rowsOf(reportOf([same, 'passed'], [adapted, 'passed']))
    const page = withTables('above\n<!-- conformance -->\nstale\n<!-- /conformance -->\nbelow\n', rows)
    expect(page).toMatch(/^above\n<!-- conformance -->\n[\s\S]*\n<!-- \/conformance -->\nbelow\n$/)
    expect(page).toContain('| `sup_flags` | adapted | it holds. Other words |')
    expect(page).not.toContain('stale')
    expect(withTables(page, rows)).toBe(page)
    expect(() => withTables('no markers', rows)).toThrow('docs/supervision.md lacks')
  })
})

describe('the cases', () => {
  /** Those that mean nothing in one thread of one process. */
  const optional = [
    /^(simple_global_supervisor|format_log_1|format_log_2|external_start_no_progress_log|get_callback_module)$/,
    /resiz|increase|lock|partition is delayed/,
    /^(netsplit|trisplit|foursplit|overlay_missing|exchange|forced_sync|thundering_herd|empty_group_by_remote_leave)/,
  ]

  it('set aside only what is optional or needs a cluster, and say why', () => {
    const others = notApplicable.filter(({ name }) => !optional.some((pattern) => pattern.test(name)))
    expect(others).toEqual([])
    expect(notApplicable.filter(({ reason }) => reason.trim() === '')).toEqual([])
  })
})
