export interface Point {
  name: string;
  /** Below src/. */
  file: string;
  /** Whether the system can fail there, too. */
  system: boolean;
}

/** The files of src/ without comments and the tests at their ends. */
export function sources(): { file: string; code: string }[];

/** The points of src/ at which something can be made to fail. */
export function pointsOfTheCode(): Point[];

/** Whether some code passes a point of its own. */
export function passes(code: string): boolean;
