#!/usr/bin/env node
/** Looks at Node's version before anything is loaded that an older Node cannot read. The commands are in src/cli. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `Axon needs Node.js 22.19 or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a newer one from https://nodejs.org, or for one project: npm install --save-dev node@24, then npx axon …\n',
  )
  process.exitCode = 2
} else {
  const { main } = await import('../dist/cli/main.js')
  process.exitCode = await main(process.argv.slice(2))
}
