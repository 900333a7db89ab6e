import { join } from 'node:path'
import { defineConfig } from 'vite'

/** Builds the live page: one document, one script, one style sheet, nothing inline, nothing from elsewhere. */
export default defineConfig({
  root: join(import.meta.dirname, 'src/inspector/page'),
  base: './',
  publicDir: false,
  clearScreen: false,
  logLevel: 'warn',
  build: {
    outDir: join(import.meta.dirname, 'dist/inspector/page'),
    // The names never change; whoever reads a file while it is built sees the old or the new one.
    emptyOutDir: false,
    target: 'es2022',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: { entryFileNames: 'page.js', assetFileNames: 'page[extname]', codeSplitting: false },
    },
  },
})
