/** A connection that has been let in, for who let it in: those of one address share one. */
export interface Place {
  readonly host: string;
}

/** Who may come in. */
export interface Admission {
  /** One more from `host`; null: there are too many, of it or in all. */
  take(host: string): Place | null;
  giveBack(place: Place): void;
}
