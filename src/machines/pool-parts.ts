/**
 * Owns the named parts of the supervisor of an agent's replicas: guards and actions. Which state uses which is pool.ts.
 */
import { type AnyActorRef, assign, enqueueActions, fromCallback, sendTo, setup } from 'xstate'
import { AxonError, toAxonError } from '../errors.ts'
import { agentMachine } from './agent.ts'
import { type AgentCommand, replicaOf } from './agent-context.ts'
import type { AgentDefinition } from './definition.ts'
import type { AgentFact, RolloutReason } from './facts.ts'
import {
  canOverlap,
  countOf,
  isCount,
  isRolledOut,
  isSameProcess,
  kept,
  type PoolContext,
  type PoolEvent,
  type PoolInput,
  type Replica,
  replacedForFiles,
  replicaAt,
  serverId,
  type Wish,
} from './pool-context.ts'
import { type Enqueue, PoolStep } from './pool-step.ts'
import { hopelessTries } from './restart-policy.ts'

/** Facts after which the process that was ready is none any more. */
const endFacts: ReadonlySet<string> = new Set([
  'agent.provisioning',
  'agent.draining',
  'agent.stopping',
  'agent.crashed',
])

/** `agent.drain` and `agent.quiet` are heard only by a process that is ready: another may still become so. */
const wishes: Readonly<Record<string, Wish>> = {
  'agent.start': 'serve',
  'agent.restart': 'serve',
  'agent.stop': 'stop',
  'agent.drain': 'rest',
  'agent.quiet': 'rest',
}

export const poolParts = setup({
  types: {
    context: {} as PoolContext,
    events: {} as PoolEvent,
    input: {} as PoolInput,
  },
  actors: {
    replica: agentMachine,
    /** Parent of the agent's runs. It hears of their ends, and has nothing to do about them. */
    tasks: fromCallback(() => {}),
  },
  guards: {
    isEmpty: ({ context }) => context.replicas.length === 0,
    isRolledOut: ({ context }) => isRolledOut(context),
    canRoll: ({ context }) =>
      context.wish === 'serve' && canOverlap(context.definition) && kept(context).some(({ isReady }) => isReady),
    /** Neither load nor anything else but a wish starts what was stopped. */
    canScale: ({ context, event }) =>
      event.type === 'agent.scale' &&
      isCount(event.replicas) &&
      ((event.why ?? 'asked') === 'asked' || context.wish === 'serve'),
    canRollOne: ({ context, event }) => canOverlap(context.definition) && isServing(context, event),
    /** No process is to be replaced that is not already. */
    isProcessAsBefore: ({ context, event }) =>
      event.type === 'agent.configure' &&
      [context, ...kept(context).filter(({ index }) => !context.rollout?.waiting.includes(index))].every(
        ({ definition }) => isSameProcess(definition, event.definition),
      ),
    isServing: ({ context, event }) => isServing(context, event),
    isFact: ({ event }) => 'generation' in event,
    isLeaving: ({ context, event }) => replicaAt(context, (event as AgentFact).generation)?.isLeaving === true,
    isSurge: ({ context, event }) => surgeOf(context, event) !== undefined,
    /** The new process is not going to be ready: it failed, or crashed as often as one that never can be. */
    isSurgeLost: ({ context, event }) => {
      const surge = surgeOf(context, event)
      return surge !== undefined && (event.type === 'agent.failed' || surge.crashes + 1 >= hopelessTries)
    },
    escalates: ({ context }) => context.definition.onFailed === 'escalate',
  },
  actions: {
    relay: sendTo(
      ({ context }) => context.parent,
      ({ event }) => event,
    ),
    announce: enqueueActions(({ enqueue, context, self }) => {
      if (context.announces)
        enqueue.sendTo(context.parent, { type: 'pool.made', agent: context.definition.name, ref: self })
    }),
    announceEnd: enqueueActions(({ enqueue, context }) => {
      const { announces, definition, fault, parent } = context
      if (announces) enqueue.sendTo(parent, { type: 'pool.ended', agent: definition.name, error: fault })
    }),
    openTasks: enqueueActions(({ enqueue, self }) => {
      if (self.getSnapshot().children.tasks === undefined) enqueue.spawnChild('tasks', { id: 'tasks' })
    }),
    keepDefinition: assign(({ event }) => (event.type === 'agent.configure' ? { definition: event.definition } : {})),
    fill: enqueueActions((args) => inStep(args, (pool) => pool.fill())),
    trim: enqueueActions((args) => {
      const why = args.event.type === 'agent.quiet' ? 'load' : 'asked'
      inStep(args, (pool) => pool.trim(why))
    }),
    leaveAll: enqueueActions((args) => inStep(args, (pool) => pool.leaveAll())),
    forward: enqueueActions((args) => {
      const wish = wishes[args.event.type]
      if (wish) args.enqueue.assign({ wish })
      inStep(args, (pool) => pool.send(args.event as AgentCommand))
    }),
    /** What the fact says of its replica. */
    note: enqueueActions((args) => {
      const fact = args.event as AgentFact
      const replica = replicaAt(args.context, fact.generation)
      const changes = changesOf(fact)
      if (replica === undefined || changes === undefined) return
      if (changes.isAging === false) args.enqueue.cancel(ageOf(fact))
      // What was asked to rest, and was not ready to be, serves; then it has its number.
      const isWoken = changes.isReady && !replica.isLeaving && args.context.wish === 'rest'
      if (isWoken) args.enqueue.assign({ wish: 'serve' })
      const crashes = fact.type === 'agent.crashed' ? replica.crashes + 1 : replica.crashes
      inStep(args, (pool) => {
        pool.note(replica.index, { crashes, ...changes, generation: fact.generation })
        if (isWoken) pool.grow('configured')
      })
    }),
    bury: enqueueActions((args) => {
      const { generation } = args.event as AgentFact
      const replica = replicaAt(args.context, generation)
      if (replica) inStep(args, (pool) => pool.remove(replica.index, generation))
    }),
    /** The processes that there are go on under the new definition. */
    adjust: enqueueActions((args) => inStep(args, (pool) => pool.adjust())),
    /** No more and no fewer replicas than the definition wants; what does not serve gets its number when it is started. */
    fit: enqueueActions((args) => {
      const { definition, rollout, wish } = args.context
      const count = kept(args.context).length - (rollout?.surge === undefined ? 0 : 1)
      const wanted = within(definition, count)
      inStep(args, (pool) => pool.scaleTo(wish === 'serve' ? wanted : Math.min(wanted, count), 'configured'))
    }),
    scale: enqueueActions((args) => {
      if (args.event.type !== 'agent.scale') return
      const { replicas, why = 'asked' } = args.event
      const { definition } = args.context
      const { min, max } = definition.replicas
      const isFixed = min === max && why === 'asked'
      // One port is one replica's.
      const wanted = isFixed ? Math.max(1, definition.port ? 1 : replicas) : within(definition, replicas)
      const isChanged = isFixed && wanted !== min
      const changed = isChanged ? { ...definition, replicas: { min: wanted, max: wanted } } : definition
      const count = Math.min(wanted, countOf(changed).max)
      // The number is the application's, which is told of it as of any change.
      if (isChanged && definition.placement) args.enqueue.raise({ type: 'agent.configure', definition: changed })
      else if (isChanged) args.enqueue.assign({ definition: changed })
      if (why === 'asked') args.enqueue.assign({ wish: 'serve' })
      inStep(args, (pool) => {
        if (why === 'asked') pool.send({ type: 'agent.start' })
        pool.scaleTo(count, why)
        if (isChanged && definition.placement) pool.tell({ type: 'agent.scaled', from: min, to: wanted, why })
      })
    }),
    replaceAll: enqueueActions((args) => {
      const indices = kept(args.context).map(({ index }) => index)
      inStep(args, (pool) => pool.replace(indices, reasonOf(args.event)))
    }),
    /** What is being started has the old definition, or may have read files as they were. */
    replaceAgain: enqueueActions((args) => {
      const indices = kept(args.context).flatMap(({ index }) => (index === args.context.rollout?.surge ? [] : [index]))
      inStep(args, (pool) => {
        pool.abandon()
        pool.replace(indices, reasonOf(args.event))
      })
    }),
    replaceOne: enqueueActions((args) => {
      const replica = replicaAt(args.context, (args.event as Recycling).generation)
      if (replica) inStep(args, (pool) => pool.replace([replica.index], (args.event as Recycling).why))
    }),
    restartOne: enqueueActions((args) => {
      const replica = replicaAt(args.context, (args.event as Recycling).generation)
      if (replica) inStep(args, (pool) => pool.sendTo(replica.index, { type: 'agent.restart' }))
    }),
    complete: enqueueActions((args) => inStep(args, (pool) => pool.complete())),
    advance: enqueueActions((args) => inStep(args, (pool) => pool.advance())),
    abandon: enqueueActions((args) =>
      inStep(args, (pool) => {
        pool.abandon()
        pool.tell({ type: 'rollout.failed', error: abandonedBy(args.event, args.context.definition) })
      }),
    ),
    /** Counted from when it was first ready: one that is suspect now and then grows old all the same. */
    recycleOld: enqueueActions((args) => {
      const { enqueue, context, event } = args
      const { afterMs } = context.definition.recycle
      if (afterMs === undefined || event.type !== 'agent.ready') return
      const { generation } = event
      const replica = replicaAt(context, generation)
      if (replica === undefined || replica.isAging) return
      enqueue.raise({ type: 'replica.recycle', generation, why: 'age' }, { id: ageOf(event), delay: afterMs })
      inStep(args, (pool) => pool.note(replica.index, { isAging: true }))
    }),
    recycleFull: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'process.heartbeat') return
      const { generation, heartbeat } = event
      const { aboveMb = Number.POSITIVE_INFINITY } = context.definition.recycle
      const isBig = (heartbeat.pss ?? heartbeat.rss) > aboveMb * 2 ** 20
      const isNew = isServing(context, event) && !isWaiting(context, generation)
      const outOfFilesAt = heartbeat.isOutOfFiles && isNew ? replacedForFiles(context) : undefined
      if (outOfFilesAt) {
        enqueue.assign({ outOfFilesAt })
        enqueue.raise({ type: 'replica.recycle', generation, why: 'files' })
      } else if (isBig) enqueue.raise({ type: 'replica.recycle', generation, why: 'memory' })
    }),
    /** A replica's actor threw, which none does: a fault of Axon's own. */
    dropBroken: enqueueActions((args) => {
      const { actorId, error } = args.event as unknown as { actorId: string; error: unknown }
      args.enqueue.assign({ fault: args.context.fault ?? toAxonError(error) })
      const index = args.context.replicas.find((replica) => serverId(replica.index) === actorId)?.index
      if (index !== undefined) inStep(args, (pool) => pool.drop(index))
    }),
    /** The first one says why. */
    keepFault: assign(({ context, event }) =>
      event.type === 'agent.failed' ? { fault: context.fault ?? event.error } : {},
    ),
  },
})

type Recycling = Extract<PoolEvent, { type: 'replica.recycle' }>

interface StepArguments {
  enqueue: unknown
  context: PoolContext
  self: AnyActorRef
}

function inStep({ enqueue, context, self }: StepArguments, work: (pool: PoolStep) => void): void {
  const pool = new PoolStep(enqueue as Enqueue, context, self)
  work(pool)
  pool.commit()
}

function isServing(context: PoolContext, event: PoolEvent): boolean {
  if (!('generation' in event) || context.wish !== 'serve') return false
  const replica = replicaAt(context, event.generation)
  return replica?.isReady === true && !replica.isLeaving && replica.generation === event.generation
}

/** Whether its process is to be replaced already. */
function isWaiting(context: PoolContext, generation: string): boolean {
  const index = replicaAt(context, generation)?.index
  return index !== undefined && context.rollout?.waiting.includes(index) === true
}

const reasonOf = ({ type }: PoolEvent): RolloutReason => (type === 'agent.configure' ? 'configured' : 'asked')

/** Names the timer of a process's age. */
const ageOf = ({ generation }: AgentFact): string => `age:${replicaOf(generation)}`

function surgeOf(context: PoolContext, event: PoolEvent): Replica | undefined {
  const replica = replicaAt(context, (event as AgentFact).generation)
  return context.rollout !== undefined && replica?.index === context.rollout.surge ? replica : undefined
}

function changesOf({ type }: AgentFact): Partial<Replica> | undefined {
  // `agent.recovered` is followed by `agent.ready`.
  if (type === 'agent.ready') return { isReady: true, crashes: 0 }
  if (type === 'agent.stopped') return { isReady: false, isStopped: true }
  if (type === 'agent.suspect') return { isReady: false }
  return endFacts.has(type) ? { isReady: false, isStopped: false, isAging: false } : undefined
}

function within(definition: AgentDefinition, count: number): number {
  const { min, max } = countOf(definition)
  return Math.min(max, Math.max(1, min, count))
}

/** Why a rollout was given up. */
function abandonedBy(event: PoolEvent, { name }: AgentDefinition): AxonError {
  if (event.type === 'agent.failed') return event.error
  if (event.type === 'agent.crashed') return event.crash.error
  const message = `The rollout of agent ${name} was given up because of ${event.type}. Send agent.restart to begin it again.`
  return new AxonError('AGENT_STOPPED', message, { agent: name })
}
