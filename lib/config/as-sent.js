'use strict';

// What reaches the server of a database's name and a token, as the published clients send them: into URLs, unencoded.
// They connect with a URL that is parsed, which encodes, resolves and cuts; they POST to a path that is taken as it
// stands. Pure.

/** What Node.js refuses to have in a request's path: the client ends by it. */
const NOT_SENT = /[^\u0021-\u00ff]/;
/** What the server's HTTP does not take in a path, and in a query. */
const NOT_TAKEN_IN_PATH = /[<>`\u007f]/;
const NOT_TAKEN_IN_QUERY = /[<>"\u007f]/;
/** What the server does not take in a name: control characters. */
const NOT_A_NAME = /\p{Cc}/u;

/**
 * The name under which the clients of a database connect; `undefined`: they cannot.
 * @param {string} name
 */
function connectedName(name) {
  const [, db, action, ...rest] = connecting(name, 'token')?.pathname.split('/') ?? [];
  const isPath = db && action === 'connect' && rest.length === 0;
  return isPath && !NOT_A_NAME.test(decode(db)) ? decode(db) : undefined;
}

/**
 * The token with which clients connect; `undefined`: they cannot.
 * @param {string} token
 */
function connectedToken(token) {
  const parameter = connecting('name', token)?.search.match(/&t=([^&]*)/);
  return parameter ? decode(parameter[1]) : undefined;
}

/** `undefined`: the client does not take the URL. */
function connecting(name, token) {
  try {
    const url = new URL(`ws://host/${name}/connect?v=1.0.0&id=client&t=${token}`);
    return url.hash === '' ? url : undefined;
  } catch {
    return undefined;
  }
}

/** As the server reads it: what does not decode is taken as it stands. */
function decode(text) {
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, '%25'));
  } catch {
    return text;
  }
}

/** Whether clients can POST to a database of this name. */
function isNamePosted(name) {
  return !NOT_SENT.test(name) && !NOT_TAKEN_IN_PATH.test(name);
}

/** Whether clients can POST with this token. */
function isTokenPosted(token) {
  return !NOT_SENT.test(token) && !NOT_TAKEN_IN_QUERY.test(token);
}

module.exports = { connectedName, connectedToken, isNamePosted, isTokenPosted };
