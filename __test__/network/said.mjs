/** What is said in plain text before TLS. */
export const [ASKS, AGREES] = ['STARTTLS\n', 'GO AHEAD\n'];
