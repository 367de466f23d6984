// Starts the viewer on this server's own schema. A file of its own, since the page allows no inline script.
"use strict";
SwaggerUIBundle({url: "openapi.json", dom_id: "#viewer", deepLinking: true, validatorUrl: null});
