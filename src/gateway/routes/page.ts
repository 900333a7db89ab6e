/**
 * Owns the addresses of the live page at a gateway: its files, which say nothing and are there without a token. The page asks for
 * one, and its sockets check it.
 */
import type { PageEntrance } from '../../runtime/serving/page.ts'
import type { Front } from '../front.ts'

export function pageRoutes({ app }: Front, entrance: PageEntrance): void {
  for (const path of entrance.paths) {
    app.get(path, { config: { isOpen: true } }, (_, reply) => {
      const file = entrance.file(path)
      if (file === undefined) return reply.callNotFound()
      return reply.code(file.status).headers(file.headers).send(file.body)
    })
  }
}
