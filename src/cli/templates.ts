/**
 * Owns the list of templates. Their files are in the folder templates/; what is made of them is new.ts's.
 */

/** Each template, what it is, and the file in which its model is chosen. The first is the default. */
export const templates = {
  'pydantic-ai': { says: 'a pydantic-ai agent with a tool', modelFile: 'axon.config.ts' },
  function: { says: 'a Python function, no framework', modelFile: 'agents/support.py' },
  langgraph: { says: 'a LangGraph graph', modelFile: 'agents/support.py' },
  'openai-agents': { says: 'an agent of the OpenAI Agents SDK', modelFile: 'axon.config.ts' },
} as const
export type Template = keyof typeof templates
export const templateNames = Object.keys(templates) as Template[]
