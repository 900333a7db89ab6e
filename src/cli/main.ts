/**
 * Owns the command line: the commands, their options, and where each goes. Each command stands in a file of its own and is loaded
 * when it is called.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { exitCodes } from './exit-codes.ts'
import { templateNames } from './templates.ts'
import { endWithReader, report } from './terminal.ts'

/** Runs one command and resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  endWithReader()
  let code: number = exitCodes.done
  try {
    await makeProgram((result) => {
      code = result
    }).parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has said what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    return report(error, { json: args.includes('--json'), verbose: args.includes('--verbose') })
  }
}

function makeProgram(end: (code: number) => void): Command {
  const program = new Command('axon')
    .description('Supervised Python AI agents for Node.js.')
    .version(version(), '-V, --version')
    .option('--verbose', 'print stacks with errors')
    .showHelpAfterError('Try: axon help')
    .exitOverride()

  program
    .command('run')
    .description('Run an agent once: one of axon.config.ts by its name, or a module or file.')
    .argument('<agent>', 'name, package.module, package.module:name or path/to/file.py')
    .requiredOption('-p, --prompt <text>', 'what to ask; - reads standard input')
    .option('-m, --model <model>', 'for example test, or openai:gpt-5')
    .option('-d, --dependencies <list>', 'requirements, separated by commas', separated)
    .option('--python <python>', 'an interpreter, a version, or an environment such as .venv')
    .option('--history <file>', 'messages of an earlier run, as --save has written them')
    .option('--save <file>', 'write the messages of the conversation there')
    .option('--no-stream', 'print the answer when it is complete')
    .addOption(configOption())
    .addOption(jsonOption('one event a line, and at last the result or the error'))
    .action(async (agent, options) => end(await (await import('./run.ts')).run(agent, options)))

  program
    .command('serve')
    .description('Serve the agents of a configuration over HTTP, until Ctrl-C or SIGTERM.')
    .argument('[config]', 'the configuration; default: axon.config.ts here or above')
    .addOption(gatewayOption('--port <port>', 'where it listens; default: 0, the kernel chooses', wholeNumber))
    .addOption(gatewayOption('--host <host>', 'on which address; default: 127.0.0.1'))
    .addOption(
      gatewayOption('--allow-host <list>', 'names that the Host header may say, separated by commas', separated),
    )
    .addOption(gatewayOption('--origin <list>', 'origins whose pages may call, separated by commas', separated))
    .addOption(
      gatewayOption('--grace-ms <ms>', 'how long runs may go on when it is asked to end; default: 10000', wholeNumber),
    )
    .option('--no-auth', 'ask for no token; on loopback only')
    .option('--no-page', 'without the live page')
    .addOption(jsonOption('first one line { "url", "pid" }'))
    .action(async (config, options) => end(await (await import('./serve.ts')).serve(config, options)))

  program
    .command('new')
    .description('Make a project that runs, without a key: an agent, its configuration, a program that asks it.')
    .argument('[directory]', 'where; default: here')
    .addOption(
      new Option('-t, --template <name>', 'default: pydantic-ai; at a terminal it is asked').choices(templateNames),
    )
    .option('-y, --yes', 'ask nothing')
    .addOption(jsonOption('the files that were made'))
    .action(async (directory, options) => end(await (await import('./new.ts')).newProject(directory, options)))

  program
    .command('dev')
    .description('Run the agents of axon.config.ts, and replace them when their files are saved.')
    .argument('[config]', 'the configuration; default: axon.config.ts here or above')
    .option('--open', 'open the live page in the browser')
    .option('--page-port <port>', 'where the live page is; default: 0, the kernel chooses', wholeNumber)
    .option('--no-page', 'without the live page')
    .addOption(jsonOption('one event a line'))
    .action(async (config, options) => end(await (await import('./dev.ts')).dev(config, options)))

  program
    .command('types')
    .description('Write the TypeScript types of the agents of axon.config.ts, from their Python.')
    .argument('[config]', 'the configuration; default: axon.config.ts here or above')
    .option('-o, --out <file>', 'where to; default: axon.types.ts beside the configuration')
    .option('--check', 'write nothing, and fail where the file is stale')
    .addOption(jsonOption('the file, what changed by agent, and errors'))
    .action(async (config, options) => end(await (await import('./types.ts')).types(config, options)))

  program
    .command('top')
    .description('Watch the agents of a running system: states, runs, memory, processor time.')
    .option('--interval <ms>', 'milliseconds between two looks', milliseconds, 1_000)
    .addOption(systemOption())
    .addOption(configOption())
    .addOption(jsonOption('one line for each look'))
    .action(async (options) => end(await (await import('./top.ts')).top(options)))

  program
    .command('events')
    .description('Follow the events of a running system, until it ends.')
    .option('-a, --agent <name>', 'only those of this agent')
    .option('-t, --type <name>', 'only those of this name; run.* are all that begin so; default: all but heartbeats')
    .addOption(systemOption())
    .addOption(configOption())
    .addOption(jsonOption('one event a line'))
    .action(async (options) => end(await (await import('./events.ts')).events(options)))

  program
    .command('doctor')
    .description('Look at what Axon needs here: what there is, what follows, and how to mend it.')
    .addOption(configOption())
    .addOption(jsonOption('one object with everything that was found'))
    .option('--ray', 'also ask the Ray clusters that agents of the configuration are placed on')
    .action(async (options) => end(await (await import('./doctor.ts')).doctor(options)))

  const environments = program.command('env').description('The Python environments that are kept for agents.')
  environments
    .command('list')
    .description('What there is: Python, packages, size, last use, and the processes that run in it.')
    .addOption(configOption())
    .addOption(jsonOption('one array'))
    .action(async (options) => end(await (await import('./env.ts')).list(options)))
  environments
    .command('sync')
    .description('Make the environment of every agent of the configuration.')
    .addOption(configOption())
    .addOption(jsonOption('one environment or error a line'))
    .action(async (options) => end(await (await import('./env.ts')).sync(options)))
  environments
    .command('prune')
    .description('Remove those that nobody uses, and nobody has used for a while.')
    .option('--older-than <days>', 'only those that were last used so long ago', days, 30)
    .option('--dry-run', 'only say what would be removed')
    .addOption(configOption())
    .addOption(jsonOption('one array of what was removed'))
    .action(async (options) => end(await (await import('./env.ts')).prune(options)))

  return program
}

function systemOption(): Option {
  return new Option('--system <id>', 'which system, by the beginning of its id; default: the only one that runs')
}

/** `--grace-ms` is `AXON_GATEWAY_GRACE_MS` too. */
function gatewayOption(flags: string, what: string, parse: (text: string) => unknown = String): Option {
  const option = new Option(flags, what).argParser(parse)
  return option.env(`AXON_GATEWAY_${option.name().toUpperCase().replaceAll('-', '_')}`)
}

function configOption(): Option {
  return new Option('-c, --config <file>', 'the configuration; default: axon.config.ts here or above')
}

function jsonOption(what: string): Option {
  return new Option('--json', `for programs: ${what}`)
}

function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('Write a whole number.')
  return Number(text)
}

function milliseconds(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 50 && value <= 3_600_000) return value
  throw new InvalidArgumentError('Write milliseconds, from 50 to 3600000.')
}

function days(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 36_500) return value
  throw new InvalidArgumentError('Write days, for example 30 or 0.5.')
}

function separated(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.includes('')) throw new InvalidArgumentError('Write names with commas between them.')
  return parts
}

function version(): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).version
}
