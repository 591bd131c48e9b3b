'use strict';

/** What a mistake on the command line is reported as: one line, without a stack. */
class UsageError extends Error {}

module.exports = { UsageError };
