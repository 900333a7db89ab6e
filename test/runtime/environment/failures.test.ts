import { expect, test } from 'vitest'
import { clean } from '../../../src/runtime/environment/command.ts'
import { commandFailure, systemFailure } from '../../../src/runtime/environment/failures.ts'

function failureOf(output: string) {
  const lines = output.trim().split('\n')
  const result = { exitCode: 1, lines, isTimedOut: false }
  return commandFailure({ argv: ['uv', 'pip', 'install'], result, version: '3.12.1', source: 'pyproject.toml' })
}

// As printed by uv 0.13 and pip 23 to 26.
const outputs: [title: string, code: string, named: RegExp, output: string][] = [
  [
    'uv: a package that does not exist',
    'ENV_PACKAGE_NOT_FOUND',
    /no-such-package .*pyproject\.toml/,
    `error: No solution found when resolving dependencies
  cause: Because no-such-package was not found in the package registry and you require no-such-package, we can conclude that your requirements are unsatisfiable.`,
  ],
  [
    'pip: a package that does not exist',
    'ENV_PACKAGE_NOT_FOUND',
    /no-such-package/,
    `ERROR: Could not find a version that satisfies the requirement no-such-package (from versions: none)
ERROR: No matching distribution found for no-such-package`,
  ],
  [
    'uv: a version that does not exist',
    'ENV_PACKAGE_NOT_FOUND',
    /six==99/,
    `error: No solution found when resolving dependencies
  cause: Because there is no version of six==99.0 and you require six==99.0, we can conclude that your requirements are unsatisfiable.`,
  ],
  [
    'uv: a range without versions',
    'ENV_PACKAGE_NOT_FOUND',
    /six>=1\.99/,
    `error: No solution found when resolving dependencies
  cause: Because only six<=1.17.0 is available and you require six>=1.99, we can conclude that your requirements are unsatisfiable.`,
  ],
  [
    'pip: a version for another Python',
    'ENV_PACKAGE_NOT_FOUND',
    /ipython>=9 on Python 3\.12\.1/,
    `ERROR: Ignored the following versions that require a different python version: 9.0.0 Requires-Python >=3.11
ERROR: Could not find a version that satisfies the requirement ipython>=9 (from versions: 2.0.0, 8.39.0)
ERROR: No matching distribution found for ipython>=9`,
  ],
  [
    'uv: a conflict',
    'ENV_CONFLICT',
    /pydantic>=2\.10.*pydantic<2/,
    `error: No solution found when resolving dependencies
  cause: Because pydantic-ai-slim==1.0.0 depends on pydantic>=2.10 and you require pydantic-ai-slim==1.0, we can conclude that you require pydantic>=2.10.
         And because you require pydantic<2, we can conclude that your requirements are unsatisfiable.`,
  ],
  [
    'pip: a conflict',
    'ENV_CONFLICT',
    /you require pydantic==1\.0; .*fastapi 0\.125\.0 depends on pydantic>=1\.7\.4/,
    `ERROR: Cannot install fastapi==0.125.0 and pydantic==1.0 because these package versions have conflicting dependencies.

The conflict is caused by:
    The user requested pydantic==1.0
    fastapi 0.125.0 depends on pydantic>=1.7.4

ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/`,
  ],
  [
    'uv: no connection',
    'ENV_NETWORK',
    /could not be reached/,
    `error: Failed to fetch: http://127.0.0.1:9/simple/rich/
  cause: error sending request for url (http://127.0.0.1:9/simple/rich/)
  cause: client error (Connect)
  cause: tcp connect error`,
  ],
  [
    'pip: an index that fails, which it reports as a missing package',
    'ENV_NETWORK',
    /HTTP status 503/,
    `ERROR: Could not find a version that satisfies the requirement rich (from versions: none)
ERROR: No matching distribution found for rich
Could not fetch URL http://127.0.0.1:9/simple/rich/: HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded with url: /simple/rich/ (Caused by ResponseError('too many 503 error responses')) - skipping`,
  ],
  [
    'pip: an index that refuses, which it reports as a missing package',
    'ENV_NETWORK',
    /HTTP status 403.*credentials/,
    `ERROR: Could not find a version that satisfies the requirement rich (from versions: none)
ERROR: No matching distribution found for rich
Could not fetch URL http://127.0.0.1:9/simple/rich/: 403 Client Error: Forbidden for url: http://127.0.0.1:9/simple/rich/ - skipping`,
  ],
  [
    'uv: a damaged file of which the metadata cannot be read',
    'ENV_INSTALL_FAILED',
    /as gift==2 is damaged/,
    `error: No solution found when resolving dependencies
  cause: Because gift==2 has an invalid package format and you require gift==2, we can conclude that your requirements are unsatisfiable.
hint: The structure of \`gift\` (v2) was invalid:
  Failed to read from zip file`,
  ],
  [
    'uv: a damaged file',
    'ENV_INSTALL_FAILED',
    /as gift==2 is damaged/,
    `error: Failed to download \`gift==2\`
  cause: Failed to extract archive: gift-2-py3-none-any.whl
  cause: Bad uncompressed size (got 0000001a, expected 00000062) for file: gift-2.dist-info/RECORD`,
  ],
  [
    'pip: a damaged file of which the metadata cannot be read',
    'ENV_INSTALL_FAILED',
    /as gift-2 is damaged/,
    `ERROR: could not read 'gift-2.dist-info/METADATA' file: BadZipFile('Bad magic number for file header')`,
  ],
  [
    'pip: a damaged file',
    'ENV_INSTALL_FAILED',
    /as gift is damaged/,
    `ERROR: Wheel 'gift' located at /tmp/pip-unpack-14vc02_s/gift-2-py3-none-any.whl is invalid.`,
  ],
  [
    'pip: no connection, which it reports as a missing package',
    'ENV_NETWORK',
    /could not be reached/,
    `WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<pip._vendor>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/rich/
ERROR: Could not find a version that satisfies the requirement rich (from versions: none)
ERROR: No matching distribution found for rich`,
  ],
  [
    'uv: an index that wants credentials',
    'ENV_NETWORK',
    /401/,
    `error: Failed to fetch: https://index/simple/rich/
  cause: HTTP status client error (401 Unauthorized) for url (https://index/simple/rich/)`,
  ],
  [
    'uv: a full disk',
    'ENV_DISK_FULL',
    /disk is full/,
    `error: Failed to install: babel-2.18.0-py3-none-any.whl (babel==2.18.0)
  cause: failed to copy file to /x/babel/locale-data/.tmpD4PQwO: No space left on device (os error 28)`,
  ],
  [
    'pip: a full disk',
    'ENV_DISK_FULL',
    /disk is full/,
    'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device',
  ],
  [
    'uv: a directory that may not be written to',
    'ENV_PERMISSION',
    /for \/srv\/cache/,
    'error: failed to create directory `/srv/cache`: Permission denied (os error 13)',
  ],
  [
    'pip: a directory that may not be written to',
    'ENV_PERMISSION',
    /for \/srv\/cache/,
    "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/srv/cache'",
  ],
  [
    'Debian: venv without ensurepip',
    'ENV_VENV_UNAVAILABLE',
    /apt install python3\.12-venv/,
    `The virtual environment was not created successfully because ensurepip is not
available.  On Debian/Ubuntu systems, you need to install the python3-venv`,
  ],
  [
    'a requirement that is none',
    'ENV_SOURCE_INVALID',
    /line 2 of bad\.txt/,
    "ERROR: Invalid requirement: 'foo=>1' (from line 2 of bad.txt)",
  ],
  ['a package that does not build', 'ENV_INSTALL_FAILED', /has to be compiled/, 'error: metadata-generation-failed'],
]

for (const [title, code, named, output] of outputs) {
  test(`${title} is ${code}`, () => {
    const failure = failureOf(output)
    expect(failure.code).toBe(code)
    expect(failure.message).toMatch(named)
    expect(failure.context).toMatchObject({ command: 'uv pip install', exitCode: 1, hint: expect.any(String) })
    expect(failure.context.output).toEqual(output.split('\n'))
  })
}

test('a refused credential is not worth a retry, a server that fails is', () => {
  expect(failureOf('HTTP status client error (403 Forbidden) for url').retryable).toBe(false)
  expect(failureOf('HTTP status server error (503 Service Unavailable) for url').retryable).toBe(true)
})

test('credentials and control characters do not reach an error', () => {
  expect(clean('Looking in indexes: https://user:s3cret@host/simple')).toBe(
    'Looking in indexes: https://***@host/simple',
  )
  expect(clean('https://host/x.whl?token=abc&a=1')).toBe('https://host/x.whl?token=***&a=1')
  expect(clean('\u001b[31mred\u001b[0m\u0007')).toBe('red')
})

test('failed system calls are told by what they mean', () => {
  const enospc = Object.assign(new Error('x'), { code: 'ENOSPC', path: '/c' })
  const eacces = Object.assign(new Error('x'), { code: 'EACCES', path: '/c' })
  expect(systemFailure(enospc)?.code).toBe('ENV_DISK_FULL')
  expect(systemFailure(eacces)).toMatchObject({ code: 'ENV_PERMISSION', message: expect.stringContaining('/c') })
  expect(systemFailure(new Error('x'))).toBeUndefined()
})
