// Another verifier's word on a signed message: mailauth's, where it is installed (NODE_PATH leads to it).
//   node mailauth.js MESSAGE NAME=TXT...     a line a signature: its word, algorithm, selector
const { readFileSync } = require('fs');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

const records = new Map(process.argv.slice(3).map(a => [a.slice(0, a.indexOf('=')), a.slice(a.indexOf('=') + 1)]));
const resolver = async (name, type) => {
	if (type === 'TXT' && records.has(name))
		return [[records.get(name)]];
	throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
};

dkimVerify(readFileSync(process.argv[2]), { resolver }).then(({ results }) =>
	results.forEach(r => console.log(r.status.result, r.algo, r.selector)));
