/** The guards of what comes in from elsewhere, and what switches each off. */
import type { Mutation } from './table.ts'

const refusals =
  'gateway/guards.test.ts › whatever is wrong with a request is refused as the table of docs/gateway.md says, in one shape, and the gateway goes on'

export const gateway: readonly Mutation[] = [
  {
    id: 'host',
    guard: 'the Host of a request is one of this server',
    edits: [
      {
        file: 'src/runtime/serving/hosts.ts',
        find: ` || !hosts.has(headers.host?.toLowerCase() ?? '')`,
        replace: '',
      },
    ],
    tests: [refusals],
  },
  {
    id: 'origin',
    guard: 'pages of elsewhere may not call',
    edits: [
      {
        file: 'src/runtime/serving/hosts.ts',
        find: 'headers.origin === undefined || isOwnOrigin(headers.origin, headers.host)',
        replace: 'headers.host !== undefined',
      },
    ],
    tests: [refusals],
  },
  {
    id: 'gateway-token',
    guard: 'the gateway asks for a token',
    edits: [
      {
        file: 'src/gateway/tokens.ts',
        find: 'if (caller === undefined) throw unauthorized()',
        replace: 'if (caller === undefined) return anybody',
      },
    ],
    tests: [refusals],
  },
  {
    id: 'role',
    guard: 'a token does only what its roles say',
    edits: [
      {
        file: 'src/gateway/guards.ts',
        find: 'oneOf.some((role) => caller.roles.has(role))',
        replace: 'oneOf.length > 0',
      },
    ],
    tests: [
      'gateway/guards.test.ts › every role does what it is for and no more, and an agent that is not allowed is not told',
    ],
  },
  {
    id: 'open-gateway',
    guard: 'without tokens a gateway listens on loopback only',
    edits: [{ file: 'src/gateway/options.ts', find: '!auth && !isLoopback(host)', replace: "!auth && host === ''" }],
    tests: ['gateway/guards.test.ts › a gateway that would let everybody in from elsewhere is not made'],
  },
]
