// INTERNAL_API=10.0.12.7:443 node --import ./no-private-networks.mjs request.mjs localhost:443 169.254.169.254:443
import { presets, setDefaultBinding } from 'wintersock';
import 'wintersock/register';

const { allow, deny } = presets.cloudflare; // public addresses only, and not port 25

setDefaultBinding({
  allow: [...allow, process.env.INTERNAL_API], // the one thing inside that the application may reach
  deny,
});
