/**
 * Owns what the schemas of a configuration are made of: fields that are used by several, strict objects, and the error.
 */
import * as z from 'zod'
import { AxonError } from '../../errors.ts'

export const ms = z
  .number()
  .nonnegative()
  .max(2 ** 31 - 1)
export const positiveMs = ms.positive()

export const agentName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'is no agent name: use 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit',
  )

/** An object whose unknown keys are errors that name those that are known. */
export function options<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `there is no option ${issue.keys.join(', ')}; there are ${Object.keys(shape).join(', ')}`
        : undefined,
  })
}

export function describe(error: z.ZodError): string {
  const issues = error.issues.map((issue) => {
    if (issue.code !== 'invalid_key') return issue
    return { ...issue, message: issue.issues.map(({ message }) => message).join('; ') }
  })
  return z.prettifyError({ issues })
}

export function invalid(what: string, cause?: unknown): AxonError {
  return new AxonError('CONFIG_INVALID', `The configuration is not valid: ${what}`, { cause })
}
