// COMPANY_CA=/etc/company/ca.pem node --import ./private-ca.mjs request.mjs intranet.example.com:443
import { pathToFileURL } from 'node:url';
import { setDefaultBinding } from 'wintersock';
import 'wintersock/register';

setDefaultBinding({
  ca: pathToFileURL(process.env.COMPANY_CA), // and no public authority; `extraCa` would add to those
  minVersion: 'TLSv1.3',
});
