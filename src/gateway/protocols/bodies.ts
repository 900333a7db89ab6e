/**
 * Owns the reading of a client's body where one field is to be named as what is wrong.
 */
import * as z from 'zod'
import { AxonError } from '../../errors.ts'

/** A request that cannot be honoured. `param` names its field, as `messages[0].content`. */
export function refused(param: string, message: string): AxonError {
  return new AxonError('RUN_REQUEST_INVALID', `${param}: ${message}`, { context: { param } })
}

/** @throws AxonError RUN_REQUEST_INVALID naming the first field that is wrong */
export function readBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const { path, message } = innermost(parsed.error.issues)
  throw refused(z.core.toDotPath(path) || 'body', `${message}.`)
}

/** Where one of several forms was meant, the one that fits furthest tells what is wrong. */
function innermost(issues: readonly z.core.$ZodIssue[]): { path: PropertyKey[]; message: string } {
  const [issue] = issues
  if (issue === undefined) return { path: [], message: 'Invalid input' }
  if (issue.code !== 'invalid_union') return issue
  const [deepest] = issue.errors
    .filter((branch) => branch.length > 0)
    .map(innermost)
    .sort((one, other) => other.path.length - one.path.length)
  if (deepest === undefined || deepest.path.length === 0) return issue
  return { path: [...issue.path, ...deepest.path], message: deepest.message }
}
