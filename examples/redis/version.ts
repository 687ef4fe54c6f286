/** The version of Redis whose commands and answers these are: programs choose by it what they may send. */
export const VERSION = '7.0.15';
