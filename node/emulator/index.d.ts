/**
 * The path of the emulator's program for this machine.
 *
 * @throws if it is not installed, and says what to do.
 */
export function binaryPath(): string
