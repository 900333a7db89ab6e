import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { countsOf, type Report, rowsOf, withTables } from '../../scripts/conformance.ts'
import type { ConformanceCase, ConformanceRun } from '../conformance/cases.ts'
import { notApplicable } from '../conformance/not-applicable.ts'

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

/** Every name that supervisor_SUITE has. */
const names = `
  sup_start_normal sup_start_ignore_init sup_start_error_return sup_start_fail sup_start_ignore_child
  sup_start_ignore_temporary_child sup_start_ignore_temporary_child_start_child
  sup_start_ignore_temporary_child_start_child_simple sup_start_ignore_permanent_child_start_child_simple
  sup_start_child_returns_error sup_start_restart_child_returns_error sup_start_child_returns_error_simple
  sup_start_map sup_start_map_simple sup_start_map_faulty_specs
  sup_stop_infinity sup_stop_timeout sup_stop_timeout_dynamic sup_stop_brutal_kill sup_stop_brutal_kill_dynamic
  sup_stop_race sup_stop_non_shutdown_exit_dynamic
  child_adm child_adm_simple extra_return child_specs child_specs_map sup_flags
  permanent_normal transient_normal temporary_normal permanent_shutdown transient_shutdown temporary_shutdown
  permanent_abnormal transient_abnormal temporary_abnormal temporary_bystander faulty_application_shutdown
  multiple_restarts one_for_one one_for_one_escalation one_for_all one_for_all_escalation
  one_for_all_other_child_fails_restart rest_for_one rest_for_one_escalation rest_for_one_other_child_fails_restart
  simple_one_for_one simple_one_for_one_extra simple_one_for_one_shutdown simple_one_for_one_escalation
  simple_one_for_one_restart_ignore simple_one_for_one_corruption
  nonsignificant_temporary nonsignificant_transient significant_temporary significant_transient significant_bystander
  significant_escalation significant_simple significant_upgrade_never_any significant_upgrade_any_never
  significant_upgrade_never_all significant_upgrade_all_never significant_upgrade_any_all significant_upgrade_all_any
  significant_upgrade_child child_unlink tree count_children count_children_supervisor count_restarting_children
  do_not_save_start_parameters_for_temporary_children do_not_save_child_specs_for_temporary_children
  hanging_restart_loop hanging_restart_loop_rest_for_one hanging_restart_loop_simple
  code_change code_change_map code_change_simple code_change_simple_map order_of_children
  scale_start_stop_many_children simple_one_for_one_scale_many_temporary_children
  already_started_outside_supervisor which_children which_children_simple which_child
  simple_global_supervisor format_log_1 format_log_2 external_start_no_progress_log get_callback_module
`
  .trim()
  .split(/\s+/)

/** What docs/supervision.md says of each case of a suite. */
function tableOf(suite: string): Map<string, string> {
  const page = readFileSync(new URL('../../docs/supervision.md', import.meta.url), 'utf8')
  const part = page.split(`### ${suite}\n`)[1]?.split(/^(?:#|<!-- )/m)[0] ?? ''
  return new Map(
    [...part.matchAll(/^\| `([^`]+)` \| ([a-z ]+) \|/gm)].map(([, name = '', verdict = '']) => [name, verdict]),
  )
}

describe('the cases', () => {
  /** Those that mean nothing in one thread of one process. */
  const optional = [
    /^(simple_global_supervisor|format_log_1|format_log_2|get_callback_module)$/,
    /resiz|increase|lock|partition is delayed/,
    /^(netsplit|trisplit|foursplit|overlay_missing|exchange|forced_sync|thundering_herd|empty_group_by_remote_leave)/,
  ]

  it('set aside only what is optional or needs a cluster, and say why', () => {
    const others = notApplicable.filter(({ name }) => !optional.some((pattern) => pattern.test(name)))
    expect(others).toEqual([])
    expect(notApplicable.filter(({ reason }) => reason.trim() === '')).toEqual([])
  })

  it('are all of supervisor_SUITE: 80 at least hold, and of those 25 at most in another form', () => {
    const table = tableOf('supervisor_SUITE')
    expect([...table.keys()].toSorted()).toEqual(names.toSorted())
    const verdicts = [...table.values()]
    const adapted = verdicts.filter((verdict) => verdict === 'adapted').length
    expect(adapted + verdicts.filter((verdict) => verdict === 'same').length).toBeGreaterThanOrEqual(80)
    expect(adapted).toBeLessThanOrEqual(25)
  })
})
