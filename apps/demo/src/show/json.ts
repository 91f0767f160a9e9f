import type { Outcome } from '../run.js'

/** A run as one JSON object, for programs. */
export function outcomeJson(outcome: Outcome): string {
  const { corpus, where, report, answers, relations, counts, health, timings } = outcome
  return JSON.stringify(
    {
      corpus: corpus.kind,
      description: corpus.description,
      collection: corpus.collection,
      where,
      stored: {
        ...report,
        failures: report.failures.map(({ id, error }) => ({
          id: id ?? null,
          code: error.code,
          message: error.message,
        })),
      },
      answers: answers.map(({ question, result }) => ({
        mode: question.mode,
        question: question.title,
        search: question.search,
        hits: result.hits,
        warnings: result.warnings.map(({ role, backend, message }) => ({ role, backend, message })),
        durationMs: result.durationMs,
      })),
      relations,
      counts,
      health,
      timings,
    },
    null,
    2,
  )
}
