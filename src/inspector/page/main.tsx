/** Owns the start of the page: styles, the shell, and where frames come from. */
import './tokens.css'
import './base.css'
import './shell.css'
import './panes.css'
import { render } from 'preact'
import { start } from './connection.ts'
import { Shell } from './shell.tsx'

render(<Shell />, document.getElementById('page') as HTMLElement)
start()
