/** Owns the start of the page: styles, the shell, and where frames come from. */
import './tokens.css'
import './base.css'
import './shell.css'
import './tree.css'
import './panes.css'
import './figures/figures.css'
import './messages/messages.css'
import './talk/run-timeline.css'
import './talk/talk.css'
import './views/views.css'
import { render } from 'preact'
import { startAnnouncer } from './announcer.tsx'
import { start } from './connection.ts'
import { startKeys } from './keys.ts'
import { startDrops } from './recording.ts'
import { startSettings } from './settings.ts'
import { Shell } from './shell.tsx'
import { startClock } from './time.ts'
import { startLateness } from './tree-pane.tsx'

startSettings()
render(<Shell />, document.getElementById('page') as HTMLElement)
start()
startClock()
startKeys()
startDrops()
startAnnouncer()
startLateness()
