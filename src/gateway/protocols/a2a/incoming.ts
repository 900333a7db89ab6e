/**
 * Owns what a call of A2A must be before the library decodes it, which takes many a thing for what it is not: the bytes of a file
 * above all.
 */
import { RequestMalformedError } from '@a2a-js/sdk/errors'
import * as z from 'zod'

// Null is absence, and unknown fields are those of later versions.
const text = z.string().nullish()

const part = z.looseObject({
  text,
  raw: text,
  url: z
    .string()
    .regex(/^https?:\/\//i, 'is no http or https address')
    .nullish(),
  filename: text,
  mediaType: text,
})

const call = z.looseObject({
  params: z
    .looseObject({
      tenant: text,
      id: text,
      message: z
        .looseObject({ messageId: text, contextId: text, taskId: text, parts: z.array(part).nullish() })
        .nullish(),
    })
    .nullish(),
})

/** @throws RequestMalformedError naming each field that is wrong */
export function demandCall(body: unknown): void {
  const { error } = call.safeParse(body)
  if (error) throw new RequestMalformedError(`The call is not valid: ${z.prettifyError(error)}.`)
}
