/** What completes outside a call: run from one microtask, in its order, so that nothing completes inside the call. */
export class Posted {
  #actions: (() => void)[] = [];

  add(action: () => void): void {
    if (this.#actions.push(action) > 1) return;
    queueMicrotask(() => {
      const actions = this.#actions;
      this.#actions = [];
      for (const action of actions) action();
    });
  }
}
