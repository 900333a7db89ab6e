import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSource } from '../../../src/runtime/environment/sources.ts'
import { rejectionOf, temporaryDirectory } from './fixtures.ts'

async function project(files: Record<string, string>): Promise<string> {
  const cwd = await temporaryDirectory()
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text)
  return cwd
}

const pyproject = '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["six>=1"]\n'
const pylock = 'lock-version = "1.0"\nrequires-python = ">=3.12"\n[[packages]]\nname = "idna"\nversion = "3.10"\n'
const uvLock = `version = 1
requires-python = ">=3.10"

[[package]]
name = "p"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "anyio", extra = ["trio"] }, { name = "six", marker = "sys_platform == 'linux'" }]

[[package]]
name = "anyio"
version = "4.1"
source = { registry = "https://index/simple" }

[package.optional-dependencies]
trio = [{ name = "outcome", marker = "os_name == 'posix'" }]

[[package]]
name = "outcome"
version = "1.3"
source = { registry = "https://index/simple" }
sdist = { url = "https://index/outcome.tar.gz", hash = "sha256:01" }
wheels = [{ url = "https://index/outcome.whl", hash = "sha256:02" }]

[[package]]
name = "nobody-needs-it"
version = "2"
source = { registry = "https://index/simple" }

[[package]]
name = "six"
version = "1.16.0"
source = { registry = "https://index/simple" }
resolution-markers = ["python_full_version < '3.11'"]

[[package]]
name = "six"
version = "1.17.0"
source = { git = "https://host/six.git?rev=main#0123abc" }
resolution-markers = ["python_full_version >= '3.11'"]
`
const script = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["rich"]\n# ///\nprint(1)\n'

test('of all sources the first one counts', async () => {
  const files: [string, string][] = [
    ['agent.py', script],
    ['requirements.txt', 'six\n'],
    ['pyproject.toml', pyproject],
    ['pylock.toml', pylock],
    ['uv.lock', uvLock],
  ]
  const cwd = await temporaryDirectory()
  expect((await readSource({ cwd, script: 'agent.py' })).kind).toBe('none')
  for (const [name, text] of files) {
    await writeFile(join(cwd, name), text)
    expect((await readSource({ cwd, script: 'agent.py' })).kind).toBe(name === 'agent.py' ? 'script' : name)
  }
  expect((await readSource({ cwd, dependencies: [] })).kind).toBe('dependencies')
})

test('dependencies and a requirements file add up', async () => {
  const cwd = await project({ 'extra.txt': 'idna\n' })
  const source = await readSource({ cwd, dependencies: ['six'], requirements: 'extra.txt' })
  expect(source).toMatchObject({ requirements: ['six'], files: [join(cwd, 'extra.txt')] })
})

test('requires-python is read from each source that has it', async () => {
  const cases: [Record<string, string>, string][] = [
    [{ 'pyproject.toml': pyproject }, '>=3.11'],
    [{ 'pylock.toml': pylock }, '>=3.12'],
    [{ 'uv.lock': uvLock }, '>=3.10'],
    [{ 'agent.py': script }, '>=3.11'],
  ]
  for (const [files, specifiers] of cases) {
    const source = await readSource({ cwd: await project(files), script: 'agent.py' })
    expect(source.requires?.specifiers).toBe(specifiers)
  }
})

test('a uv.lock becomes a pin of every package that the project needs, with its markers, extras and hashes', async () => {
  const source = await readSource({ cwd: await project({ 'uv.lock': uvLock }) })
  expect(source.lock?.read()).toEqual({
    hashed: ["outcome==1.3 ; (os_name == 'posix') --hash=sha256:01 --hash=sha256:02"],
    plain: [
      'anyio==4.1',
      "six==1.16.0 ; ((python_full_version < '3.11')) and ((sys_platform == 'linux'))",
      "six @ git+https://host/six.git@0123abc ; ((python_full_version >= '3.11')) and ((sys_platform == 'linux'))",
    ],
  })
})

test('a pylock.toml becomes pins with their hashes, without the packages of extras', async () => {
  const text = `${pylock}[[packages.wheels]]
name = "idna.whl"
hashes = { sha256 = "03" }
[[packages]]
name = "six"
version = "1"
marker = "'more' in extras"
`
  const source = await readSource({ cwd: await project({ 'pylock.toml': text }) })
  expect(source.lock?.read()).toEqual({ hashed: ['idna==3.10 --hash=sha256:03'], plain: [] })
})

test('the identity changes with an included file and not with comments', async () => {
  const cwd = await project({ 'requirements.txt': '-r base.txt\nsix\n', 'base.txt': 'idna==3.9\n' })
  const first = await readSource({ cwd })
  await writeFile(join(cwd, 'requirements.txt'), '# names\n-r base.txt\nsix  # the one\n')
  expect((await readSource({ cwd })).identity).toBe(first.identity)
  await writeFile(join(cwd, 'base.txt'), 'idna==3.10\n')
  expect((await readSource({ cwd })).identity).not.toBe(first.identity)
})

test('a local package that changes changes the identity', async () => {
  const cwd = await project({})
  await mkdir(join(cwd, 'mine'))
  await writeFile(join(cwd, 'mine', 'pyproject.toml'), 'a')
  const first = await readSource({ cwd, dependencies: ['./mine'] })
  await writeFile(join(cwd, 'mine', 'pyproject.toml'), 'ab')
  expect((await readSource({ cwd, dependencies: ['./mine'] })).identity).not.toBe(first.identity)
})

const faults: [title: string, files: Record<string, string>, message: RegExp][] = [
  ['TOML that is none', { 'pyproject.toml': '[project]\nname = \n' }, /pyproject\.toml cannot be used: line 2/],
  ['a field of the wrong type', { 'pyproject.toml': '[project]\ndependencies = "six"\n' }, /project\.dependencies/],
  [
    'a requirement that is none',
    { 'pyproject.toml': '[project]\ndependencies = ["six", "a=>1"]\n' },
    /project\.dependencies\[1\]: "a=>1"/,
  ],
  ['dependencies of a build', { 'pyproject.toml': '[project]\ndynamic = ["dependencies"]\n' }, /project\.dynamic/],
  ['Poetry alone', { 'pyproject.toml': '[tool.poetry.dependencies]\nsix = "*"\n' }, /tool\.poetry/],
  ['a bad requires-python', { 'pyproject.toml': '[project]\nrequires-python = "3.x"\n' }, /requires-python: "3\.x"/],
  ['a bad line', { 'requirements.txt': 'six\n\nfoo=>1\n' }, /requirements\.txt, line 3: "foo=>1"/],
  [
    'an included file that is missing',
    { 'requirements.txt': 'six\n-r more.txt\n' },
    /line 2: more\.txt does not exist/,
  ],
  [
    'a script block that is no TOML',
    { 'agent.py': '\n# /// script\n# dependencies = [\n# ///\n' },
    /agent\.py cannot be used: line [34]/,
  ],
]
for (const [title, files, message] of faults) {
  test(`${title} is ENV_SOURCE_INVALID and says where`, async () => {
    const error = await rejectionOf(readSource({ cwd: await project(files), script: 'agent.py' }))
    expect(error.code).toBe('ENV_SOURCE_INVALID')
    expect(error.message).toMatch(message)
  })
}

test('a requirement cannot smuggle in an option or a line', async () => {
  const cwd = await temporaryDirectory()
  for (const text of ['--index-url=http://evil', 'six\n-r x', '', '  ']) {
    const error = await rejectionOf(readSource({ cwd, dependencies: [text] }))
    expect(error).toMatchObject({ code: 'ENV_SOURCE_INVALID', message: expect.stringContaining('dependencies[0]') })
  }
})

test('every form of requirement that installers know is taken', async () => {
  const cwd = await temporaryDirectory()
  const dependencies = [
    'six',
    'pydantic-ai-slim[openai,mcp] >= 2.54, < 3',
    'a (>=1,<2)',
    "b~=1.0; python_version < '3.11' and sys_platform == 'linux'",
    'c==1.*',
    'd===1.0+local',
    'e @ https://host/e-1.0-py3-none-any.whl',
    'git+https://host/f.git@main',
    './g',
    '/h/i-1.0-py3-none-any.whl',
    'zope.interface!=5',
  ]
  await expect(readSource({ cwd, dependencies })).resolves.toMatchObject({ requirements: dependencies })
})
