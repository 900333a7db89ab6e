/**
 * Owns the description of the gateway as OpenAPI 3.1, made from its routes and from the schemas that they validate with.
 */
import type { RouteOptions } from 'fastify'
import * as z from 'zod'

/** What a route says of itself. */
export interface Operation {
  summary: string
  tags: string[]
  /** The role that a token must have. */
  role?: string
  body?: z.ZodType
  /** By status: the body, a media type with its description, or what it means that there is none. */
  answers: Record<number, z.ZodType | Record<string, string> | string>
  /** What 200 is where events are asked for instead. */
  streams?: string
  /** Whether it heeds `Idempotency-Key`. */
  takesKey?: boolean
  /** Whether it heeds `Last-Event-ID`. */
  takesEventId?: boolean
}

export interface DescribedRoute {
  method: string
  url: string
  isOpen: boolean
  operation: Operation
}

/** The routes that describe themselves, of what fastify tells of one. */
export function describedRoutes({ method, url, config }: RouteOptions): DescribedRoute[] {
  const { operation, isOpen = false } = config ?? {}
  const methods = [method].flat().filter((one) => one !== 'HEAD')
  return operation === undefined ? [] : methods.map((one) => ({ method: one, url, isOpen, operation }))
}

const phrases: Readonly<Record<number, string>> = {
  200: 'It is done.',
  202: 'It is accepted.',
  404: 'There is none.',
  410: 'Events that were asked for are kept no more.',
  422: 'Valid JSON that is no request.',
  429: 'Too much waits, or came; see Retry-After.',
  500: 'The agent raised.',
  502: 'The run was interrupted, or nobody knows how it ended.',
  503: 'Not available; see Retry-After.',
  504: 'Not done in time.',
}

export function openApi(routes: readonly DescribedRoute[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}')
    const methods = paths[path] ?? {}
    paths[path] = methods
    methods[route.method.toLowerCase()] = describe(route, path)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Axon',
      description: 'Supervised Python AI agents.',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  }
}

function describe({ method, url, isOpen, operation }: DescribedRoute, path: string): Record<string, unknown> {
  const { summary, tags, role, body, answers, streams, takesKey, takesEventId } = operation
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter(name ?? '', 'path', true)),
    ...(takesKey ? [parameter('Idempotency-Key', 'header', false)] : []),
    ...(takesEventId ? [parameter('Last-Event-ID', 'header', false)] : []),
  ]
  const refused = isOpen ? {} : { 401: answer(401, 'No token, or a wrong one.'), 403: answer(403, 'Not allowed.') }
  return {
    operationId: `${method.toLowerCase()}${url.replaceAll(/[/:_.]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    ...(role && { description: `Needs the role ${role}.` }),
    tags,
    ...(isOpen && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, what]) => [
          status,
          answer(Number(status), what, status === '200' ? streams : undefined),
        ]),
      ),
      ...(Object.keys(answers).length === 0 && { 200: { description: 'It is here.' } }),
      ...refused,
      ...(body && { 400: answer(400, 'Malformed.'), 413: answer(413, 'Too large.'), 415: answer(415, 'Not JSON.') }),
    },
  }
}

function answer(
  status: number,
  what: z.ZodType | Record<string, string> | string,
  streams?: string,
): Record<string, unknown> {
  if (typeof what === 'string') return { description: what }
  const description = phrases[status] ?? String(status)
  if (what instanceof z.ZodType) {
    const events = streams && { 'text/event-stream': { schema: { description: streams } } }
    return { description, content: { 'application/json': { schema: schemaOf(what, 'output') }, ...events } }
  }
  const [[type, says] = ['', '']] = Object.entries(what)
  // Of a stream, tools take a schema to be that of each event.
  return { description: says, content: { [type]: {} } }
}

function parameter(name: string, where: 'path' | 'header', required: boolean): Record<string, unknown> {
  return { name, in: where, required, schema: { type: 'string' } }
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}
