/**
 * Owns what the root does to its agents, and to the supervisors of agents, in one step. Which event calls for which step is
 * system.ts, who comes after whom arrangement.ts.
 *
 * Agents are made with `createActor({ parent })`: `spawnChild` copies the table of children at every spawn, so that the 10,000th
 * agent would cost a hundred times the first.
 */
import { type ActorRefFrom, type AnyActorRef, type AnyStateMachine, createActor } from 'xstate'
import { AxonError, toAxonError } from '../errors.ts'
import type { TeamDefinition } from './arrangement.ts'
import type { AgentDefinition } from './definition.ts'
import type { AgentFact, PoolFact } from './facts.ts'
import type { poolMachine } from './pool.ts'
import { isCount, type PoolCommand, type PoolInput, type PoolWord } from './pool-context.ts'
import { supervisorMachine } from './supervision/machine.ts'
import type { Member, SystemContext } from './system-context.ts'
import { type Enqueue, OrderStep } from './system-order.ts'

const agentPrefix = 'agent:'
const teamPrefix = 'supervisor:'

export class SystemStep {
  readonly order: OrderStep
  readonly #enqueue: Enqueue
  readonly #context: SystemContext
  readonly #self: AnyActorRef

  constructor(enqueue: Enqueue, context: SystemContext, self: AnyActorRef) {
    this.#enqueue = enqueue
    this.#context = context
    this.#self = self
    this.order = new OrderStep(enqueue, context)
  }

  openTeam({ name, strategy, intensity, periodMs }: TeamDefinition): AnyActorRef {
    const supervisor = createActor(supervisorMachine, {
      parent: this.#self,
      id: `${teamPrefix}${name}`,
      systemId: `${teamPrefix}${name}`,
      input: { strategy, intensity, periodMs, now: this.#context.input.now },
    })
    this.#context.teams.set(name, supervisor)
    supervisor.start()
    return supervisor
  }

  spawn(definition: AgentDefinition, event: string): void {
    const { members, arrangement, teams } = this.#context
    const { name } = definition
    if (members.has(name)) {
      const message = `Agent ${name} exists already. Retire it first, or choose another name.`
      this.#refuse(event, new AxonError('AGENT_EXISTS', message, { agent: name }))
      return
    }
    const team = arrangement.teamOf(name)?.name
    const member: Member = { definition, ref: undefined, team, isRetiring: false, joined: [] }
    members.set(name, member)
    arrangement.add(name, definition.after)
    this.#enqueue.emit({ type: 'agent.spawned', agent: name })
    const supervisor = team === undefined ? undefined : teams.get(team)
    if (supervisor) this.#giveTo(supervisor, member)
    else this.#make(member)
  }

  forward(command: PoolCommand & { agent?: string }): void {
    const { members, arrangement } = this.#context
    const name = command.agent ?? (command.type === 'agent.configure' ? command.definition.name : '')
    const member = members.get(name)
    if (member?.ref === undefined || member.isRetiring) return this.#refuse(command.type, this.#unknown(name))
    if (command.type === 'agent.scale' && !isCount(command.replicas))
      return this.#refuse(command.type, noCount(command))
    if (command.type === 'agent.stop' || command.type === 'agent.drain') arrangement.letStop(name)
    // It is started as soon as those are ready that it comes after.
    if (arrangement.held.has(name) && (command.type === 'agent.start' || command.type === 'agent.restart')) return
    if (command.type === 'agent.configure') {
      member.definition = command.definition
      arrangement.add(name, command.definition.after)
      this.#join(member)
    }
    this.#enqueue.sendTo(member.ref, command)
    // It may come after others now, or after nobody.
    if (command.type === 'agent.configure' && arrangement.held.has(name)) this.order.releaseHeld()
  }

  retire(name: string): void {
    const member = this.#context.members.get(name)
    if (member === undefined) return this.#refuse('agent.retire', this.#unknown(name))
    member.isRetiring = true
    this.#context.arrangement.release(name)
    if (isActive(member.ref)) this.#enqueue.sendTo(member.ref, { type: 'agent.retire' })
    // Its supervisor has ended it and will make it again: it goes then.
    else if (member.team === undefined || !isActive(this.#context.teams.get(member.team))) this.#bury(name)
  }

  stopAll(): void {
    const { members, teams } = this.#context
    for (const { ref, team } of members.values()) if (ref && team === undefined) this.#enqueue.stopChild(ref)
    for (const team of teams.values()) this.#enqueue.stopChild(team)
    this.#enqueue(() => {
      members.clear()
      teams.clear()
    })
  }

  relay(fact: AgentFact | PoolFact): void {
    this.#enqueue.emit(fact)
    const isReplaced = fact.type === 'agent.stopped' && this.#context.arrangement.isReplaced(fact.agent)
    this.#enqueue.sendTo('runs', isReplaced ? { ...fact, type: 'agent.replaced' } : fact)
  }

  /** A supervisor has made an agent, for the first time or again. */
  welcome({ agent, ref }: Extract<PoolWord, { type: 'pool.made' }>): void {
    const member = this.#context.members.get(agent)
    if (member === undefined) return
    const isAgain = member.ref !== undefined
    member.ref = ref as ActorRefFrom<typeof poolMachine>
    member.joined = []
    if (isAgain) {
      const error = this.#context.fault ?? new AxonError('SUPERVISOR_EXCEEDED', 'Its supervisor was restarted.')
      this.#tellRestarted(member.team as string, `${agentPrefix}${agent}`, error)
      this.#enqueue.sendTo(ref, { type: 'agent.configure', definition: member.definition })
    }
    this.#join(member)
    if (member.isRetiring) this.#enqueue.sendTo(ref, { type: 'agent.retire' })
    else this.order.begin(member)
  }

  /** An agent of a supervisor has ended. What follows is that supervisor's, unless the agent was to go. */
  noteEnd({ agent, error }: Extract<PoolWord, { type: 'pool.ended' }>): void {
    const member = this.#context.members.get(agent)
    if (member === undefined) return
    if (member.isRetiring) this.#bury(agent)
    else if (error) this.#enqueue.assign({ fault: error })
  }

  /** A child of the root has ended. */
  judge(child: string, reason: unknown): void {
    if (child.startsWith(teamPrefix)) return this.#judgeTeam(child.slice(teamPrefix.length), reason)
    const name = child.slice(agentPrefix.length)
    const member = child.startsWith(agentPrefix) ? this.#context.members.get(name) : undefined
    if (member === undefined) return
    if (reason === 'normal' || member.isRetiring) return this.#bury(name)
    const error = toAxonError(reason)
    if (member.definition.onFailed !== 'escalate') return this.#bury(name, error)
    if (!this.#mayRestart(error)) return
    this.#make(member)
    this.#tellRestarted('axon', child, error)
  }

  #judgeTeam(name: string, reason: unknown): void {
    const { teams, members, input, fault } = this.#context
    if (!teams.delete(name)) return
    const error = fault ?? toAxonError(reason)
    this.#enqueue.emit({ type: 'supervisor.exceeded', supervisor: name, error })
    const own = [...members.values()].filter(({ team }) => team === name)
    for (const { definition, isRetiring } of own) if (isRetiring) this.#bury(definition.name)
    const team = input.supervisors?.find((definition) => definition.name === name)
    if (team === undefined || !this.#mayRestart(error)) return
    const supervisor = this.openTeam(team)
    this.#tellRestarted('axon', `${teamPrefix}${name}`, error)
    for (const member of own) if (!member.isRetiring) this.#giveTo(supervisor, member)
  }

  /** Whether the root may restart a child once more; otherwise the system closes. */
  #mayRestart(error: AxonError): boolean {
    const { window, input } = this.#context
    const { intensity = 1, periodMs = 5_000, now = () => performance.now() } = input
    if (window.permits(intensity, periodMs, now())) return true
    const message = `The system gives up: more than ${intensity} restarts of its children in ${periodMs} ms. The last was for: ${error.message}`
    const exceeded = new AxonError('SUPERVISOR_EXCEEDED', message, { agent: error.agent, cause: error })
    this.#enqueue.emit({ type: 'supervisor.exceeded', supervisor: 'axon', error: exceeded })
    this.#enqueue.raise({ type: 'system.close' })
    return false
  }

  #make(member: Member): void {
    const { name } = member.definition
    const ref = createActor(this.#logic, {
      parent: this.#self,
      id: `${agentPrefix}${name}`,
      systemId: `${agentPrefix}${name}`,
      input: this.#inputOf(member, false),
    })
    member.ref = ref
    member.joined = []
    ref.start()
    this.#join(member)
    this.order.begin(member)
  }

  /** It is in the groups of its definition, and leaves them all when it ends. Those that somebody else put it in are theirs. */
  #join(member: Member): void {
    const { definition, ref, joined } = member
    const tell = (type: 'group.join' | 'group.leave', groups: readonly string[]) => {
      for (const group of groups) this.#enqueue.sendTo('groups', { type, group, refs: ref })
    }
    tell(
      'group.leave',
      joined.filter((group) => !definition.groups.includes(group)),
    )
    tell(
      'group.join',
      definition.groups.filter((group) => !joined.includes(group)),
    )
    member.joined = definition.groups
  }

  #giveTo(supervisor: AnyActorRef, member: Member): void {
    const id = `${agentPrefix}${member.definition.name}`
    const input = this.#inputOf(member, true)
    const spec = { id, systemId: id, logic: this.#logic, input, restart: 'transient', shutdown: 'infinity' }
    this.#enqueue.sendTo(supervisor, { type: 'supervisor.startChild', spec })
  }

  /** The logic that was provided, not the empty one of the setup. */
  get #logic(): typeof poolMachine {
    const { logic } = this.#self as unknown as { logic: AnyStateMachine }
    return logic.implementations.actors.agent as typeof poolMachine
  }

  #inputOf({ definition }: Member, announces: boolean): PoolInput {
    const { now, random } = this.#context.input
    return { definition, parent: this.#self, now, random, announces }
  }

  #bury(agent: string, error?: AxonError): void {
    const { members, arrangement, teams } = this.#context
    const member = members.get(agent)
    members.delete(agent)
    this.order.ended(agent, true)
    const ahead = arrangement.ahead(agent)
    arrangement.remove(agent)
    const freed = ahead.filter((other) => members.has(other) && !arrangement.isFollowed(other))
    const supervisor = member?.team === undefined ? undefined : teams.get(member.team)
    if (isActive(supervisor)) {
      const id = `${agentPrefix}${agent}`
      // Its end may not have been heard of there yet.
      this.#enqueue.sendTo(supervisor, { type: 'supervisor.terminateChild', id })
      this.#enqueue.sendTo(supervisor, { type: 'supervisor.deleteChild', id })
    }
    if (error) this.#enqueue.emit({ type: 'agent.failed', agent, generation: '', why: 'hopeless', error })
    this.#enqueue.sendTo('runs', { type: 'agent.retired', agent })
    this.#enqueue.emit({ type: 'agent.retired', agent })
    if (freed.length > 0 || arrangement.held.size > 0) this.#enqueue.raise({ type: 'member.left', freed })
  }

  #tellRestarted(supervisor: string, child: string, error: AxonError): void {
    this.#enqueue.emit({ type: 'supervisor.restarted', supervisor, child, error })
  }

  #refuse(event: string, error: AxonError): void {
    this.#enqueue.emit({ type: 'event.refused', event, error })
  }

  #unknown(agent: string): AxonError {
    const known = [...this.#context.members.keys()].slice(0, 10).join(', ') || 'none'
    return new AxonError('AGENT_UNKNOWN', `There is no agent ${JSON.stringify(agent)}. Known agents: ${known}.`, {
      agent,
    })
  }
}

function isActive(ref: AnyActorRef | undefined): ref is AnyActorRef {
  return ref?.getSnapshot().status === 'active'
}

function noCount({ agent, replicas }: { agent?: string; replicas: unknown }): AxonError {
  const message = `Agent ${agent} cannot have ${String(replicas)} replicas: write a whole number from 0 to 10 000.`
  return new AxonError('CONFIG_INVALID', message, { agent })
}
