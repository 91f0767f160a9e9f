/** Where a collection's keys are. */
export interface Place {
  readonly name: string
  /** Tells it from an earlier or later collection of the same name, whose keys and index it does not share. */
  readonly generation: string
}

export const indexOf = ({ name, generation }: Place): string => `${name}:${generation}`
export const idsOf = (place: Place): string => `${indexOf(place)}:ids`
export const vectorSetOf = (place: Place): string => `${indexOf(place)}:set`
/** What the keys of a collection's records start with. */
export const recordPrefix = (place: Place): string => `${indexOf(place)}:r:`
/** What the keys of records start with that are not yet in their places; they never outlive a transaction. */
export const waitingPrefix = (place: Place): string => `${indexOf(place)}:w:`
