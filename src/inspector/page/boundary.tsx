/** Owns what is left when a view throws: its error in its own pane; the others live on. */
import { Component, type ComponentChildren } from 'preact'

interface Props {
  name: string
  children: ComponentChildren
}

export class Boundary extends Component<Props, { error: unknown }> {
  override state: { error: unknown } = { error: undefined }

  static override getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error }
  }

  override render({ name, children }: Props): ComponentChildren {
    const { error } = this.state
    if (error === undefined) return children
    return (
      <div class="empty" role="alert">
        <p>
          {name} cannot be shown: <code>{error instanceof Error ? error.message : String(error)}</code>
        </p>
        <button type="button" class="button" onClick={() => this.setState({ error: undefined })}>
          Try again
        </button>
      </div>
    )
  }
}
