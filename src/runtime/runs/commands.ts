/**
 * Owns what is asked of runs by events. Nobody waits for an answer: what comes to nothing is told.
 */
import type { AxonError } from '../../errors.ts'
import type { RunFact, SystemFact } from '../../machines/facts.ts'
import type { RunCommand } from '../../machines/slots.ts'
import type { RunRequest } from '../../protocol/run.ts'
import type { Approvals } from '../tools/approvals.ts'
import type { Run } from './run.ts'

export interface CommandSurroundings {
  run: (agent: string, request: RunRequest, options: { run: string }) => Run
  runOf: (id: string) => Run | undefined
  approvals: Approvals
  tell: (fact: RunFact | Extract<SystemFact, { type: 'event.refused' }>) => void
}

export function obey(command: RunCommand, around: CommandSurroundings): void {
  switch (command.type) {
    case 'run.start':
      return start(command, around)
    case 'run.cancel':
      return around.runOf(command.run)?.cancel()
    case 'run.approve':
    case 'run.deny':
      return judge(command, around)
  }
}

type Command<Type extends RunCommand['type']> = Extract<RunCommand, { type: Type }>

function start({ agent, run, request }: Command<'run.start'>, around: CommandSurroundings): void {
  try {
    // The answer is told as run.settled.
    around.run(agent, request, { run }).result.catch(() => {})
  } catch (error) {
    const settled = { status: 'failed', started: false, attempt: 1, durationMs: 0 } as const
    around.tell({ type: 'run.settled', agent, run, ...settled, error: error as AxonError })
  }
}

function judge(command: Command<'run.approve' | 'run.deny'>, { approvals, tell }: CommandSurroundings): void {
  try {
    if (command.type === 'run.approve') approvals.approve(command.run, command.id)
    else approvals.deny(command.run, command.id, command.message)
  } catch (error) {
    tell({ type: 'event.refused', event: command.type, error: error as AxonError })
  }
}
