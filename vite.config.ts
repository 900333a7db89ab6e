import { join } from 'node:path'
import { defineConfig } from 'vite'

/**
 * Builds the live page: one document, one script, one style sheet, nothing inline, nothing from elsewhere. The script is a classic
 * one: browsers refuse modules of a page that was opened as a file, as those who look at a recording do.
 */
export default defineConfig({
  root: join(import.meta.dirname, 'src/inspector/page'),
  base: './',
  publicDir: false,
  clearScreen: false,
  logLevel: 'warn',
  plugins: [
    {
      name: 'classic-script',
      transformIndexHtml: {
        order: 'post',
        handler: (html) => html.replace('type="module" crossorigin', 'defer').replace(' crossorigin', ''),
      },
    },
  ],
  build: {
    outDir: join(import.meta.dirname, 'dist/inspector/page'),
    // The names never change, and whoever reads a file meanwhile sees the old one or the new one.
    emptyOutDir: false,
    target: 'es2022',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: { format: 'iife', entryFileNames: 'page.js', assetFileNames: 'page[extname]' },
    },
  },
})
