// CORPORATE_PROXY=http://user:password@proxy.example.com:3128 COMPANY_CA=ca.pem node --import ./corporate-proxy.mjs request.mjs example.com:443
import { pathToFileURL } from 'node:url';
import { setDefaultBinding } from 'wintersock';
import 'wintersock/register';

const { CORPORATE_PROXY, COMPANY_CA } = process.env;
delete process.env.CORPORATE_PROXY; // it holds a password

setDefaultBinding({
  proxy: { url: CORPORATE_PROXY, except: ['*.corp.example', '10.0.0.0/8'] },
  extraCa: pathToFileURL(COMPANY_CA), // of servers in the company, or of a proxy that looks into TLS
  connectTimeout: 20_000,
});
