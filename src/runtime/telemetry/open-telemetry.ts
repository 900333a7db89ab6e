/**
 * Owns the way to OpenTelemetry's API: the one that the application has, or none. `@opentelemetry/api` is an optional peer, and without
 * an SDK behind it nothing is traced or measured.
 */
import { createRequire } from 'node:module'
import type { Context, Meter, Tracer } from '@opentelemetry/api'

export type OpenTelemetryApi = typeof import('@opentelemetry/api')

const scope = 'axon-runtime'
const load = createRequire(import.meta.url)

/** Its global state is shared by all copies of the package, whichever way they were loaded. Undefined where it is not installed. */
export function loadApi(): OpenTelemetryApi | undefined {
  try {
    return load('@opentelemetry/api') as OpenTelemetryApi
  } catch {
    return undefined
  }
}

/** Undefined where no SDK is registered. */
export function tracerOf(api: OpenTelemetryApi): Tracer | undefined {
  const provider = api.trace.getTracerProvider()
  const isIdle = provider instanceof api.ProxyTracerProvider && provider.getDelegateTracer(scope) === undefined
  return isIdle ? undefined : provider.getTracer(scope, version())
}

/** Undefined where no SDK is registered. */
export function meterOf(api: OpenTelemetryApi): Meter | undefined {
  const meter = api.metrics.getMeter(scope, version())
  return meter === api.createNoopMeter() ? undefined : meter
}

/** In which instrumentations of HTTP clients make no spans and write no headers: the SDK's own key for it. */
export function suppressed(api: OpenTelemetryApi, context: Context): Context {
  return context.setValue(api.createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'), true)
}

function version(): string {
  return (load('../../../package.json') as { version: string }).version
}
