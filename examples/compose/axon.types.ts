/* eslint-disable */
// biome-ignore-all format: written by a program
// biome-ignore-all lint: written by a program
// Written by `axon types` from the schemas of the agents. Change the agents, not this file, and write it again.
import type {} from 'axon-runtime'

declare module 'axon-runtime' {
  interface AgentTypes {
    optimist: Optimist.Agent
    sceptic: Sceptic.Agent
    judge: Judge.Agent
  }
}

/** The agent `optimist`. */
export declare namespace Optimist {
  export interface Agent {
    input: {}
    output: Review
    tools: {}
  }
  /**
   * What a reviewer thinks of a text.
   */
  export interface Review {
    /**
     * From 0, bad, to 10, good
     */
    score: number
    remark: string
  }
}

/** The agent `sceptic`. */
export declare namespace Sceptic {
  export interface Agent {
    input: {}
    output: Review
    tools: {}
  }
  /**
   * What a reviewer thinks of a text.
   */
  export interface Review {
    /**
     * From 0, bad, to 10, good
     */
    score: number
    remark: string
  }
}

/** The agent `judge`. */
export declare namespace Judge {
  export interface Agent {
    input: {
      deps?: Case
    }
    output: unknown
    tools: {}
  }
  export interface Case {
    remarks: string[]
  }
}
