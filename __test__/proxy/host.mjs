/** A host: `node --import ./host.mjs app.mjs`. HOST_CONFIG holds the configuration as JSON. */
import { setDefaultBinding } from 'wintersock';

setDefaultBinding(JSON.parse(process.env.HOST_CONFIG));
